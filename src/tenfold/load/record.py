"""Reading a ledger file, also one that an interrupted run or a power cut left behind."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tenfold.errors import LoadError
from tenfold.load.ledger import LEDGER_VERSION, Outcome

_OUTCOMES: tuple[Outcome, ...] = ("acknowledged", "refused", "unknown")


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """What a ledger says: the outcome of every write that was sent, by its id.

    `damaged_lines` counts what could not be read. What was fsynced cannot be among it.
    """

    run_id: str
    outcomes: dict[str, Outcome]
    damaged_lines: int = 0


def read_ledger(path: Path) -> LedgerRecord:
    """Read a ledger file.

    Raises:
        LoadError: it cannot be read, is no ledger, or one of a newer Tenfold.
    """
    try:
        return parse_ledger(path.read_bytes())
    except OSError as error:
        raise LoadError(f"the ledger {path} cannot be read: {error}") from error
    except ValueError as error:
        raise LoadError(f"{path}: {error}") from error


def parse_ledger(data: bytes) -> LedgerRecord:
    """The record in a ledger file's bytes.

    Raises:
        ValueError: the first line is not that of a ledger of a version known here.
    """
    head, *lines = data.split(b"\n")
    outcomes: dict[str, Outcome] = {}
    damaged = 0
    for line in lines:
        if line and not _take(_entry(line), outcomes):
            damaged += 1
    return LedgerRecord(_run_id(head), outcomes, damaged)


def _run_id(head: bytes) -> str:
    entry = _entry(head)
    version, run_id = entry.get("ledger"), entry.get("run")
    if not isinstance(version, int) or not isinstance(run_id, str):
        raise ValueError("this is not a ledger")
    if version != LEDGER_VERSION:
        raise ValueError(f"this ledger has version {version}; this Tenfold reads {LEDGER_VERSION}")
    return run_id


def _entry(line: bytes) -> dict[str, object]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _take(entry: dict[str, object], outcomes: dict[str, Outcome]) -> bool:
    """Note one line's content; False when it has none."""
    sent = entry.get("sent")
    if isinstance(sent, str):
        outcomes.setdefault(sent, "unknown")
        return True
    for outcome in _OUTCOMES:
        write_id = entry.get(outcome)
        if isinstance(write_id, str):
            outcomes[write_id] = outcome
            return True
    return False
