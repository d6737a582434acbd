"""What Patroni and etcd answer, as values; and what Patroni is sent to have what is wanted."""

from __future__ import annotations

import pytest

from tenfold.engines.etcd.probe import EtcdState, MemberState, state
from tenfold.engines.patroni.admin import difference
from tenfold.engines.patroni.probe import view

ANSWER = {
    "members": [
        {"name": "db1", "role": "leader", "state": "running", "timeline": 4},
        {"name": "db2", "role": "quorum_standby", "state": "streaming", "timeline": 4, "lag": 0},
        {"name": "db3", "role": "replica", "state": "stopped", "lag": "unknown"},
    ],
    "scope": "shop/main",
}


def test_a_cluster() -> None:
    seen = view(ANSWER)
    assert seen.leader is not None
    assert seen.leader.name == "db1"
    assert seen.in_sync == ("db2",)
    assert [m.lag_bytes for m in seen.members] == [None, 0, None]
    assert not seen.paused


def test_a_cluster_without_a_leader() -> None:
    seen = view({"members": ANSWER["members"][1:], "pause": True})
    assert seen.leader is None
    assert seen.paused


def members(*answer: bool) -> EtcdState:
    return EtcdState(tuple(MemberState("h", answers=a, has_leader=a) for a in answer))


@pytest.mark.parametrize(
    ("answer", "quorum", "spare"),
    [
        ((True, True, True), True, 1),
        ((True, True, False), True, 0),
        ((True, False, False), False, -1),
    ],
)
def test_a_quorum(answer: tuple[bool, ...], quorum: bool, spare: int) -> None:
    seen = members(*answer)
    assert (seen.quorum, seen.spare) == (quorum, spare)


def test_a_member_that_knows_no_leader_is_of_no_quorum() -> None:
    said = {"header": {"member_id": "7"}, "version": "3.5.9", "errors": ["etcdserver: no leader"]}
    assert not state("db1", said).has_leader
    assert state("db1", {**said, "leader": "7"}).leads


def test_nothing_is_sent_when_it_is_so_already() -> None:
    assert difference({"ttl": 20, "pause": True, "slots": {}}, {"ttl": 20, "slots": {}}) == {}


def test_what_is_sent_is_what_differs_and_slots_that_nobody_needs_go() -> None:
    now = {"ttl": 30, "slots": {"a": {"type": "physical"}}, "postgresql": {"use_slots": True}}
    wanted = {"ttl": 20, "slots": {}, "postgresql": {"use_slots": True}, "check_timeline": True}
    assert difference(now, wanted) == {"ttl": 20, "slots": {"a": None}, "check_timeline": True}
