from __future__ import annotations

import pytest

from tenfold.etcd.faults import EtcdError, of_answer


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (2, "raft proposal dropped", "silent"),
        (2, "etcdserver: too many requests", "silent"),
        (14, "etcdserver: no leader", "silent"),
        (2, "what nobody knows", "wrong"),
        (7, "etcdserver: permission denied", "refused"),
        (8, "etcdserver: mvcc: database space exceeded", "full"),
        (11, "etcdserver: mvcc: required revision has been compacted", "compacted"),
    ],
)
def test_an_answer_tells_whether_to_ask_again(code: int, message: str, kind: str) -> None:
    told = of_answer("http://127.0.0.1:2379", 500, {"code": code, "message": message})
    assert isinstance(told, EtcdError)
    assert told.kind == kind
    assert message in told.what
