"""The orders and questions of etcd's interface that Tenfold has use for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tenfold.etcd import values
from tenfold.etcd.access import Access
from tenfold.etcd.exchange import Exchange
from tenfold.etcd.faults import EtcdError
from tenfold.etcd.values import Compare, Delete, KeyValue, Operation, Put, Range, Result

WITHIN_SECONDS: Final = 8.0
"""Longer than an election with the timeouts that etcd advises for several zones."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the cluster. ``name`` is empty until it has joined; a learner has no vote."""

    id: int
    name: str
    peers: tuple[str, ...]
    clients: tuple[str, ...]
    learner: bool = False


@dataclass(frozen=True, slots=True)
class Status:
    """What one member says of itself. ``leader`` is the id of whoever leads; 0 is nobody."""

    id: int
    leader: int
    version: str
    revision: int
    size_bytes: int
    errors: tuple[str, ...] = ()


class Client:
    """Asks the members of one cluster. May be shared by threads.

    Args:
        access: where and as whom.
        within: how long a call may take in all, in seconds, with every member it asks.

    Raises:
        EtcdError: from every method.
    """

    def __init__(self, access: Access, *, within: float = WITHIN_SECONDS) -> None:
        self.access = access
        self.within = within
        self._exchange = Exchange(access)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def exchange(self) -> Exchange:
        """What carries the questions, for those that have no end."""
        return self._exchange

    def close(self) -> None:
        """Close the connections."""
        self._exchange.close()

    # Keys

    def get(self, key: str) -> KeyValue | None:
        """The key as it is now."""
        return next(iter(self.range(Range(key))), None)

    def range(self, wanted: Range) -> tuple[KeyValue, ...]:
        """The keys, in their order."""
        return values.key_values(self.ask("kv/range", wanted.body()))

    def snapshot(self, wanted: Range) -> tuple[int, tuple[KeyValue, ...]]:
        """The same, with the revision at which it was so."""
        told = self.ask("kv/range", wanted.body())
        return values.revision(told), values.key_values(told)

    def put(self, key: str, value: bytes, *, lease: int = 0) -> int:
        """Write the key, whatever it was; gives the revision."""
        return values.revision(self.ask("kv/put", Put(key, value, lease).to_json()["request_put"]))

    def delete(self, key: str, *, prefix: bool = False) -> int:
        """Remove the key, or all that begin so; gives their number."""
        body = Delete(key, prefix).to_json()["request_delete_range"]
        return int(self.ask("kv/deleterange", body).get("deleted", 0))

    def transact(
        self,
        conditions: Sequence[Compare],
        then: Sequence[Operation],
        otherwise: Sequence[Operation] = (),
    ) -> Result:
        """All of ``then`` if all conditions hold, else all of ``otherwise``."""
        body = values.transaction(conditions, then, otherwise)
        return values.result(self.ask("kv/txn", body))

    def compact(self, revision: int) -> None:
        """Forget what was before this revision; fine if that was done."""
        try:
            self.ask("kv/compaction", {"revision": str(revision)})
        except EtcdError as error:
            if error.kind != "compacted":
                raise

    # Leases

    def grant(self, id: int, seconds: int) -> None:
        """Make a lease with this id, of the caller's choice; fine if it was made by this call."""
        try:
            self.ask("lease/grant", {"ID": str(id), "TTL": str(seconds)})
        except EtcdError as error:
            if "already exists" not in error.what:
                raise

    def keep(self, id: int, *, within: float | None = None) -> float:
        """Begin the lease's time anew; gives how many seconds are left, 0 for none."""
        told = self.ask("lease/keepalive", {"ID": str(id)}, within=within)
        return float(told.get("result", {}).get("TTL", 0))

    def revoke(self, id: int) -> None:
        """End the lease, and with it its keys; fine if there is none."""
        try:
            self.ask("lease/revoke", {"ID": str(id)})
        except EtcdError as error:
            if error.kind != "missing":
                raise

    # Members

    def members(self) -> tuple[Member, ...]:
        """All of the cluster, as a member that answers knows them."""
        return tuple(_member(m) for m in self.ask("cluster/member/list", {}).get("members", ()))

    def status(self, url: str, *, within: float | None = None) -> Status:
        """What the member at this URL says of itself, without asking the others."""
        told = self._exchange.one(url, "/v3/maintenance/status", {}, within or self.within)
        return Status(
            id=int(told["header"]["member_id"]),
            leader=int(told.get("leader", 0)),
            version=str(told.get("version", "")),
            revision=values.revision(told),
            size_bytes=int(told.get("dbSize", 0)),
            errors=tuple(told.get("errors", ())),
        )

    # Anything else

    def ask(
        self, name: str, body: dict[str, Any], *, within: float | None = None
    ) -> dict[str, Any]:
        """``/v3/NAME`` of the gateway."""
        return self._exchange.ask(f"/v3/{name}", body, self.within if within is None else within)


def _member(told: dict[str, Any]) -> Member:
    return Member(
        id=int(told["ID"]),
        name=str(told.get("name", "")),
        peers=tuple(told.get("peerURLs", ())),
        clients=tuple(told.get("clientURLs", ())),
        learner=bool(told.get("isLearner")),
    )
