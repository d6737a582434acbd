"""What a load that is under way says of itself, so that a report can have its figures.

Each ``tenfold load`` keeps one small file in ``.tenfold/load/``, named after its process, rewrites
it once a second and removes it at its end. A reader believes a file only if that process lives and
the file is fresh: what was left by a load that was killed says nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 1
FRESH_SECONDS = 3.0
_MOST_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """One load so far.

    Attributes:
        pid: its process.
        began, at: when it began and when this was written, seconds since the epoch.
        rate: requests per second at the plateau.
        acknowledged: writes whose acknowledgement is on disk; ``None`` without a ledger.
        failed: requests that failed.
        longest_stall_ms: the longest time in which a write was due and none was acknowledged, up
            to the last acknowledgement.
        ledger: the ledger's path.
    """

    pid: int
    began: float
    at: float
    rate: float
    acknowledged: int | None
    failed: int
    longest_stall_ms: float
    ledger: str | None

    def to_json(self) -> dict[str, Any]:
        """Plain data, with the version of its format."""
        return {"format": FORMAT, **asdict(self)}


def publish(folder: Path, figures: LoadFigures) -> None:
    """Replace what this load last said. Raises ``OSError``."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = _file(folder, figures.pid)
    beside = path.with_suffix(".new")  # not synced: it is worth nothing three seconds from now
    beside.write_text(json.dumps(figures.to_json()))
    beside.replace(path)


def withdraw(folder: Path, pid: int) -> None:
    """The load is over."""
    for path in (_file(folder, pid), _file(folder, pid).with_suffix(".new")):
        path.unlink(missing_ok=True)


def believed(
    folder: Path,
    *,
    now: Callable[[], float] = time.time,
    lives: Callable[[int], bool] | None = None,
) -> tuple[LoadFigures, ...]:
    """The loads that are under way at this moment, the oldest first."""
    alive = lives or is_alive
    found = [
        figures
        for figures in _written(folder)
        if abs(now() - figures.at) <= FRESH_SECONDS and alive(figures.pid)
    ]
    return tuple(sorted(found, key=lambda figures: figures.began))


def together(loads: tuple[LoadFigures, ...]) -> dict[str, Any] | None:
    """The figures of all loads as those of one, for a report; ``None`` without any."""
    if not loads:
        return None
    counted = [one.acknowledged for one in loads if one.acknowledged is not None]
    return {
        "loads": len(loads),
        "rate": sum(one.rate for one in loads),
        "acknowledged": sum(counted) if counted else None,
        "failed": sum(one.failed for one in loads),
        "longest_stall_ms": max(one.longest_stall_ms for one in loads),
        "at": max(one.at for one in loads),
        "ledgers": [one.ledger for one in loads if one.ledger],
    }


def is_alive(pid: int) -> bool:
    """Whether a process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _written(folder: Path) -> Iterator[LoadFigures]:
    for path in folder.glob("*.json"):
        try:
            with path.open("rb") as file:
                found = read(json.loads(file.read(_MOST_BYTES)))
        except (OSError, ValueError):
            continue
        if path.name == f"{found.pid}.json":
            yield found


def read(data: Any) -> LoadFigures:
    """Read what :meth:`LoadFigures.to_json` gave.

    Raises:
        ValueError: it is of another format, or something else.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise ValueError("these are no figures of a load")
    known = {name: value for name, value in data.items() if name != "format"}
    try:
        found = LoadFigures(**known)
    except TypeError as error:
        raise ValueError(str(error)) from error
    numbers = (found.began, found.at, found.rate, found.longest_stall_ms, found.failed)
    if type(found.pid) is not int or found.pid <= 0:
        raise ValueError("there is no such process")
    if not all(isinstance(number, int | float) for number in numbers):
        raise ValueError("these are no numbers")
    if not isinstance(found.acknowledged, int | None):
        raise ValueError("this is no number of acknowledged writes")
    return found


def _file(folder: Path, pid: int) -> Path:
    return folder / f"{pid}.json"
