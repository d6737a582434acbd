"""What the keeper remembers: which certificate there is, and how attempts at another went."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tenfold.agent.store import replace_file

FORMAT = 1
Kind = Literal["name", "clock", "authority", "refused", "limited", "own"]
"""Whose fault it was: the name does not lead here; this machine's clock; the authority is out of
reach; it said no; it asks for patience; something on this host."""


class Fault(Exception):
    """An attempt failed.

    Args:
        kind: whose fault it was.
        what: what happened, in a sentence.
        next: what a person can do.
        wait_seconds: how long the authority asks to be left alone.
    """

    def __init__(self, kind: Kind, what: str, next: str = "", wait_seconds: float = 0.0) -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.what = what
        self.next = next
        self.wait_seconds = wait_seconds


@dataclass(frozen=True, slots=True)
class State:
    """Times are seconds since the epoch, 0 for never.

    ``authority`` is the directory URL of who issued the certificate, empty for one that is
    self-signed; ``names`` are those that were wanted of it. ``file`` is a digest of the file, so
    that one that somebody else put there is noticed. ``renew_at`` is what the authority suggested.
    ``orders`` are the last times at which something was asked of the authority. ``fault`` is what
    went wrong since the last success. While ``trying``, ``failures`` has this attempt already.
    """

    authority: str = ""
    names: tuple[str, ...] = ()
    file: str = ""
    issuer: str = ""
    serial: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    renew_at: float = 0.0
    ask_again_at: float = 0.0
    failures: int = 0
    trying: bool = False
    last_attempt: float = 0.0
    wait_until: float = 0.0
    orders: tuple[float, ...] = ()
    fault: Mapping[str, str] = field(default_factory=dict)

    def begun(self, now: float) -> State:
        """The state while an attempt is under way, which counts as failed until it is over."""
        return replace(self, trying=True, failures=self.failures + 1, last_attempt=now)

    def cut_off(self) -> State:
        """The state when whoever tried is gone."""
        if not self.trying:
            return self
        fault = Fault("own", "an attempt was cut off", "tenfold logs certificates")
        return replace(self, failures=self.failures - 1).failed(fault, self.last_attempt)

    def failed(self, fault: Fault, now: float) -> State:
        """The state after an attempt that failed."""
        return replace(
            self,
            failures=self.failures + 1,
            trying=False,
            last_attempt=now,
            wait_until=now + fault.wait_seconds if fault.wait_seconds else 0.0,
            fault={"kind": fault.kind, "what": fault.what, "next": fault.next},
        )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"format": FORMAT, **asdict(self)}


def from_json(data: Mapping[str, Any]) -> State:
    """Read what :meth:`State.to_json` gave. Raises ``ValueError`` and others for anything else."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}, not {FORMAT}")
    told = {name: data[name] for name in State.__dataclass_fields__}
    return State(**{**told, "names": tuple(told["names"]), "orders": tuple(told["orders"])})


def load(path: Path, now: float) -> State:
    """What was remembered; what cannot be read counts as an attempt that just failed.

    Otherwise a disk that loses the file would have the keeper order again and again.
    """
    try:
        return from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return State()
    except (OSError, ValueError, KeyError, TypeError) as error:
        fault = Fault("own", f"{path.name} cannot be read: {error}", f"look at {path}")
        return State().failed(fault, now)


def save(path: Path, state: State) -> None:
    """Remember, durably. Raises ``OSError``."""
    replace_file(path, json.dumps(state.to_json()).encode(), 0o600)


def digest(path: Path) -> str:
    """A digest of a file; empty if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:
        return ""
