"""Why etcd did not do what it was asked."""

from __future__ import annotations

from typing import Any, Final, Literal

from tenfold.errors import TenfoldError

Kind = Literal["silent", "refused", "full", "compacted", "missing", "wrong"]
"""No member answers, or they have no leader; it knows us not, or lets us not; it has no room; the
revision is gone; there is no such lease or member; the request is none that it takes."""

KINDS: Final[dict[int, Kind]] = {
    1: "silent",
    2: "wrong",
    3: "wrong",
    4: "silent",
    5: "missing",
    7: "refused",
    8: "full",
    9: "wrong",
    11: "compacted",
    13: "silent",
    14: "silent",
    16: "refused",
}
"""From the status codes of gRPC, which the gateway passes on (grpc/grpc doc/statuscodes.md)."""


_LATER: Final = ("too many requests", "raft proposal dropped")
"""Nothing was done, and it may be in a moment: while the leader changes proposals are dropped
(etcd-io/raft, ``ErrProposalDropped``), which the gateway passes on as an unknown error."""


class EtcdError(TenfoldError):
    """etcd did not do what it was asked; ``kind`` tells whose fault it is.

    Of one that is ``silent`` nobody knows whether it was done.
    """

    def __init__(self, kind: Kind, what: str, *, next: str | None = None) -> None:
        super().__init__(what, next=next)
        self.kind: Kind = kind


class StaleToken(EtcdError):
    """The token of an earlier log-in is not taken any more; a new one may be."""


def of_answer(url: str, status: int, told: Any) -> EtcdError:
    """From an answer of the gateway that is no success."""
    body = told if isinstance(told, dict) else {}
    if isinstance(body.get("error"), dict):  # of an answer without end, begun before it failed
        body = body["error"]
    message = str(body.get("message") or body.get("error") or f"HTTP {status}")
    code = body.get("code", body.get("grpc_code"))
    what = f"etcd at {url}: {message}"
    if message.endswith(("invalid auth token", "revision in header is old")):
        return StaleToken("refused", what)
    if message.endswith("user name is empty"):  # 3.4 and 3.5: nobody was told who asks
        return StaleToken("refused", what)
    if message.endswith(_LATER):
        return EtcdError("silent", what)
    kind = KINDS.get(code, "silent") if isinstance(code, int) else "silent"
    if kind == "wrong" and "authentication failed" in message:
        kind = "refused"
    if kind == "wrong" and status == 503:
        kind = "silent"
    return EtcdError(kind, what)
