"""What is sent to etcd and what it answers, as values. Pure: JSON in, JSON out.

See etcd's api_grpc_gateway.md: keys and values in base64, 64-bit numbers as strings, and whatever
is zero or empty is left out.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

MOST_OPERATIONS: Final = 128
"""Of one transaction: etcd's ``--max-txn-ops``."""
MOST_BYTES: Final = 1 << 20
"""Of one request: below etcd's ``--max-request-bytes`` of 1.5 MiB, with room for what is around."""


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key as it was found. ``lease`` 0: it stays."""

    key: str
    value: bytes
    created: int
    revision: int
    lease: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """A condition of a transaction."""

    key: str
    target: Literal["CREATE", "MOD", "VALUE"]
    value: int | bytes

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        name = {"CREATE": "create_revision", "MOD": "mod_revision", "VALUE": "value"}[self.target]
        value = encode(self.value) if isinstance(self.value, bytes) else str(self.value)
        return {"key": _key(self.key), "target": self.target, "result": "EQUAL", name: value}


def absent(key: str) -> Compare:
    """There is no such key."""
    return Compare(key, "CREATE", 0)


def created_at(key: str, revision: int) -> Compare:
    """The key was made at this revision and not removed since."""
    return Compare(key, "CREATE", revision)


def unchanged(key: str, revision: int) -> Compare:
    """Nobody has written the key since this revision; 0: there is none."""
    return Compare(key, "MOD", revision)


def value_is(key: str, value: bytes) -> Compare:
    """The key has exactly this value."""
    return Compare(key, "VALUE", value)


@dataclass(frozen=True, slots=True)
class Put:
    """Write a key."""

    key: str
    value: bytes
    lease: int = 0

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        body = {"key": _key(self.key), "value": encode(self.value), "lease": str(self.lease)}
        return {"request_put": body}

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.key) + len(self.value) + 32


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a key, or all that begin like it."""

    key: str
    prefix: bool = False

    def to_json(self) -> dict[str, Any]:
        """As the gateway takes it."""
        return {"request_delete_range": _range(self.key, self.prefix)}


@dataclass(frozen=True, slots=True)
class Range:
    """Read a key, or all that begin like it.

    Attributes:
        key: or how they begin.
        prefix: all that begin so.
        most: at most so many; 0 is all.
        backwards: the last key first.
        keys_only: without their values.
        revision: as they were then; 0 is now.
        serializable: whatever this member knows, be it old: answered without a leader, too.
    """

    key: str
    prefix: bool = False
    most: int = 0
    backwards: bool = False
    keys_only: bool = False
    revision: int = 0
    serializable: bool = False

    def body(self) -> dict[str, Any]:
        """As ``/v3/kv/range`` takes it."""
        told = _range(self.key, self.prefix)
        told |= {"limit": str(self.most), "revision": str(self.revision)}
        told |= {"keys_only": self.keys_only, "serializable": self.serializable}
        if self.backwards:
            told |= {"sort_order": "DESCEND", "sort_target": "KEY"}
        return told

    def to_json(self) -> dict[str, Any]:
        """As a transaction takes it."""
        return {"request_range": self.body()}


Operation = Put | Delete | Range


@dataclass(frozen=True, slots=True)
class Result:
    """Of a transaction: whether its conditions held, and what its ranges found, in order."""

    held: bool
    revision: int
    found: tuple[tuple[KeyValue, ...], ...] = field(default=())


def transaction(
    conditions: Sequence[Compare], then: Sequence[Operation], otherwise: Sequence[Operation]
) -> dict[str, Any]:
    """As ``/v3/kv/txn`` takes it."""
    return {
        "compare": [c.to_json() for c in conditions],
        "success": [o.to_json() for o in then],
        "failure": [o.to_json() for o in otherwise],
    }


def result(told: Mapping[str, Any]) -> Result:
    """Read the answer to a transaction."""
    found = tuple(
        key_values(answer.get("response_range", {}))
        for answer in told.get("responses", ())
        if "response_range" in answer
    )
    return Result(bool(told.get("succeeded")), revision(told), found)


def key_values(told: Mapping[str, Any]) -> tuple[KeyValue, ...]:
    """Read the answer to a range."""
    return tuple(key_value(kv) for kv in told.get("kvs", ()))


def key_value(told: Mapping[str, Any]) -> KeyValue:
    """Read one key."""
    return KeyValue(
        key=decode(told["key"]).decode(),
        value=decode(told.get("value", "")),
        created=int(told.get("create_revision", 0)),
        revision=int(told.get("mod_revision", 0)),
        lease=int(told.get("lease", 0)),
    )


def revision(told: Mapping[str, Any]) -> int:
    """Of the whole store, when it answered."""
    return int(told.get("header", {}).get("revision", 0))


def encode(value: bytes) -> str:
    """As the gateway takes bytes."""
    return base64.b64encode(value).decode()


def decode(value: str) -> bytes:
    """As the gateway gives bytes."""
    return base64.b64decode(value)


def span(key: str, prefix: bool) -> dict[str, Any]:
    """A key, or all that begin like it, as the gateway takes it."""
    return _range(key, prefix)


def _key(key: str) -> str:
    return encode(key.encode())


def _range(key: str, prefix: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"key": _key(key)}
    if prefix:
        first = key.encode()
        told["range_end"] = encode(first[:-1] + bytes([first[-1] + 1]))  # no key ends in 0xff
    return told
