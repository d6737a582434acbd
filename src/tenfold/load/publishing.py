"""A load tells of itself while it is under way, for the report of a transition."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tenfold.load.engine import Progress
from tenfold.observe.load_figures import LoadFigures, publish, withdraw

Told = Callable[[Progress], None]


@contextlib.contextmanager
def published(
    folder: Path,
    *,
    rate: float,
    ledger: Path | None,
    pid: int | None = None,
    now: Callable[[], float] = time.time,
) -> Iterator[Told]:
    """Somebody to tell of progress; what was told last is in ``folder`` until the load ends.

    A disk that does not take it costs the report some figures, and the load nothing.
    """
    process = os.getpid() if pid is None else pid
    began = now()

    def tell(progress: Progress) -> None:
        figures = LoadFigures(
            pid=process,
            began=began,
            at=now(),
            rate=rate,
            acknowledged=progress.acknowledged,
            failed=progress.failed,
            longest_stall_ms=progress.longest_stall_ms,
            ledger=None if ledger is None else str(ledger),
        )
        with contextlib.suppress(OSError):
            publish(folder, figures)

    try:
        yield tell
    finally:
        with contextlib.suppress(OSError):
            withdraw(folder, process)
