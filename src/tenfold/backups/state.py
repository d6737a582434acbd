"""What the keeper remembers, for itself and for ``tenfold status``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tenfold.agent.store import replace_file
from tenfold.backups.faults import Fault

FORMAT = 1


@dataclass(frozen=True, slots=True)
class State:
    """Times are seconds since the epoch, 0 for never; a fault is ``{}`` or ``kind, what, next``.

    ``role`` is what the server beside the keeper is: leader, follower or unknown; ``lineage`` is
    its folder in the place. Everything that
    was committed before ``recoverable_at`` is in the archive. ``archive_fault`` is what went wrong
    since the last file of the log arrived, ``failing_since`` since when. ``waiting`` is how many
    files wait, ``waiting_bytes`` how large they are, ``free_bytes`` what the disk has beside them.
    ``clearing_fault`` is why what is too old could not be deleted. While ``copying`` a backup is
    being made, while ``checking`` one is tried; ``checked`` is what came of the last trial in which
    all was well.
    """

    role: str = "unknown"
    place: str = ""
    lineage: str = ""
    encrypted: bool = False
    looked_at: float = 0.0
    recoverable_at: float = 0.0
    archived_at: float = 0.0
    archived: str = ""
    archive_fault: Mapping[str, str] = field(default_factory=dict)
    archive_failures: int = 0
    failing_since: float = 0.0
    waiting: int = 0
    waiting_bytes: int = 0
    free_bytes: int = 0
    copying: bool = False
    copying_since: float = 0.0
    backup_id: str = ""
    backup_ended: float = 0.0
    backup_bytes: int = 0
    stored_bytes: int = 0
    backup_fault: Mapping[str, str] = field(default_factory=dict)
    backup_failures: int = 0
    clearing_fault: Mapping[str, str] = field(default_factory=dict)
    backup_attempt: float = 0.0
    checking: bool = False
    checked: Mapping[str, Any] = field(default_factory=dict)
    checked_at: float = 0.0
    check_fault: Mapping[str, str] = field(default_factory=dict)
    check_attempt: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"format": FORMAT, **asdict(self)}


def from_json(data: Mapping[str, Any]) -> State:
    """Read what :meth:`State.to_json` gave. Raises ``ValueError`` and others for anything else."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']}, not {FORMAT}")
    return State(**{name: data[name] for name in State.__dataclass_fields__})


def load(path: Path) -> State:
    """What was remembered; nothing where that cannot be read, for all of it is found out again."""
    try:
        return from_json(json.loads(path.read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return State()


def save(path: Path, state: State) -> None:
    """Remember. Raises ``OSError``."""
    replace_file(path, json.dumps(state.to_json()).encode(), 0o600, durable=False)


def told(fault: Fault) -> dict[str, str]:
    """A fault as plain data."""
    return {"kind": fault.kind, "what": fault.what, "next": fault.next}
