"""What runs print: one file each, of the newest runs of every job."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tenfold.agent.logs import last_lines

KEEP: Final = 50
"""Runs of a job whose output is kept."""


def output_of(folder: Path, job: str, run: int) -> Path:
    """Where a run's output goes."""
    return folder / "output" / job / f"{run}.log"


def last_lines_of(folder: Path, job: str, run: int, count: int) -> list[str]:
    """The last lines that a run printed; none if it printed nothing, or that is kept no more."""
    return last_lines(output_of(folder, job, run), count)


def forget_outputs(folder: Path, job: str) -> None:
    """Keep what the newest runs printed, and no more."""
    files = output_of(folder, job, 0).parent
    runs = sorted({int(p.name.partition(".")[0]) for p in files.glob("[0-9]*.log*")})
    for run in runs[:-KEEP]:
        for path in files.glob(f"{run}.log*"):
            path.unlink(missing_ok=True)
