"""Where sites live: a temporary directory that any user reaches, cleaned up whatever comes."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol, TypeVar

from benchmarks.apps import App
from benchmarks.by_hand.site import HandSite
from benchmarks.sites import Site
from benchmarks.tenfold_site import TenfoldSite

STOPPING = (signal.SIGINT, signal.SIGTERM)
S = TypeVar("S", bound="Closed")
T = TypeVar("T")


class Closed(Protocol):
    """What is closed at the end."""

    def close(self) -> None:
        """Stop it for good; no process is left."""


class Workplace:
    """Makes sites; at the end all of them are closed and their files are gone."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._made = 0

    def tenfold(self, app: App) -> TenfoldSite:
        """A site of Tenfold's, not yet up."""
        return self.kept(TenfoldSite(app, self.fresh("ours")))

    def by_hand(self, app: App) -> HandSite:
        """A site by hand, not yet up, with a worker per core."""
        return self.kept(HandSite(app, self.fresh("hand"), cores()))

    def pair(self, app: App) -> tuple[TenfoldSite, HandSite]:
        """Both, up and seeded."""
        ours, theirs = self.tenfold(app), self.by_hand(app)
        for site in (ours, theirs):
            site.up()
            check_workers(site)
            site.seed()
        return ours, theirs

    def fresh(self, name: str) -> Path:
        """A path that does not exist yet."""
        self._made += 1
        return self.folder / f"{name}{self._made}"

    def kept(self, site: S) -> S:
        """The same site, which is closed at the end."""
        self._stack.callback(site.close)
        return site


@contextmanager
def workplace() -> Iterator[Workplace]:
    """A place for one benchmark. Ctrl-C and SIGTERM end it in order."""
    folder = Path(tempfile.mkdtemp(prefix="tenfold-bench-", dir=os.environ.get("TMPDIR", "/tmp")))
    folder.chmod(0o755)
    before = {number: signal.signal(number, _interrupt) for number in STOPPING}
    try:
        with ExitStack() as stack:
            yield Workplace(folder, stack)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        remove(folder)


def cores() -> int:
    """Those that this process may use; Tenfold has one uvicorn for each."""
    return len(os.sched_getaffinity(0))


def check_workers(site: Site) -> None:
    """Raise RuntimeError unless it has a worker per core: else the sides are not alike."""
    if (count := site.workers()) != cores():
        raise RuntimeError(f"{site.name} runs {count} workers on {cores()} cores")


def remove(folder: Path) -> None:
    """Delete a tree, releases included, which are read-only."""
    for path, _, _ in os.walk(folder):
        os.chmod(path, 0o700)
    shutil.rmtree(folder)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def alternating(first: T, second: T, round_number: int) -> tuple[T, T]:
    """Which side begins changes every round, so that neither always meets a warmer machine."""
    return (first, second) if round_number % 2 == 0 else (second, first)
