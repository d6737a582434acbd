"""``up``, ``deploy`` and ``rollback`` are killed before and after each kind of step that they take.

The same command, given again, goes on from there, and is killed at the next one. Two users write
all the time while a release replaces another: no request fails, nothing of theirs is lost.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from tests.live.test_deploy import change
from tests.support import apps
from tests.support.moves import COME_SECONDS, Bring
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.steps import from_json
from tenfold.transitions.steps.codec import KINDS, flatten

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200), pytest.mark.few(0)]

BOTH = ("before", "after")
ALL = frozenset(f"{kind}.{when}" for kind in KINDS for when in BOTH)
IDLE = """
    import signal
    import sys

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        signal.pause()
"""
MOST_RECORDS = 1000


def everything(folder: Path) -> Project:
    """An app with a migration, user files and a background worker: all that a deploy has to do."""
    project = apps.diary(folder)
    file = project.path / "tenfold.toml"
    storage = '[storage]\ndirs = ["uploads"]\n'
    worker = '[workers.idle]\ncommand = "python idle.py"\nsteady = "0.2s"\n'
    file.write_text(f"{file.read_text()}\n{storage}\n{worker}")
    project.write("idle.py", IDLE)
    project.write("uploads/first.txt", "of the project\n")
    return project


def test_up_from_nothing(bring: Bring, tmp_path: Path) -> None:
    project = bring(everything)
    way = Way(project, tmp_path)
    up = ("up", "-d", "--port", str(project.port))
    while way.go(*up, unless="runs already") or way.missed("up"):
        # Nothing of "up" is left to be killed when all runs; it is when all was stopped.
        assert project.status()["state"] == "running"
        project.ok("down")
    require_runs(project, "one")


def test_a_deploy(bring: Bring, tmp_path: Path) -> None:
    project = bring(everything)
    project.up()
    first = project.status()["release"]
    with Users(project, 2) as users:
        change(project, "two")
        way = Way(project, tmp_path)
        way.go("deploy")
        assert way.missed("deploy") == set()
        assert users.failures == [], way.struck
    users.require_nothing_lost()
    assert require_runs(project, "two") != first


def test_a_rollback(bring: Bring, tmp_path: Path) -> None:
    project = bring(everything)
    project.up()
    first = project.status()["release"]
    change(project, "two")
    project.ok("deploy")
    with Users(project, 2) as users:
        way = Way(project, tmp_path)
        way.go("rollback")
        assert way.missed("rollback") == set()
        assert users.failures == [], way.struck
    users.require_nothing_lost()
    assert require_runs(project, "one") == first


def require_runs(project: Project, version: str) -> str:
    """It all runs, once, at this version, with nothing left of what was killed; its release."""

    def settled() -> bool:
        names = [unit["engine"] for unit in project.units()]
        return names.count("uvicorn") == 2 and names.count("worker") == 1

    until(settled, "the units that there shall be")
    status = project.status()
    assert (status["state"], status["transition"]) == ("running", None)
    assert {u["release"] for u in project.units() if u.get("release")} == {status["release"]}
    assert {unit["state"] for unit in project.units()} == {"running"}
    assert project.get("/").json()["version"] == version
    assert len([p for p in project.processes() if "idle.py" in p.cmdline()[-1]]) == 1
    return str(status["release"])


@dataclass
class Way:
    """One command, killed at every point that it comes to, once at each."""

    project: Project
    folder: Path
    struck: list[str] = field(default_factory=list)

    def go(self, *arguments: str, unless: str | None = None) -> bool:
        """Give the command until it ends; whether it was refused with these words."""
        while True:
            code, said = self._once(arguments)
            if code is None:
                continue
            if code and unless is not None and unless in said:
                return True
            assert code == 0, f"{self.struck}\n{said}"
            return False

    def missed(self, kind: str) -> set[str]:
        """Of the points that plans of this kind had, those at which nobody was killed."""
        planned = {f"{name}.{when}" for name in self._planned(kind) for when in BOTH}
        return planned - set(self.struck)

    def _planned(self, kind: str) -> Iterator[str]:
        with closing(SqliteJournal(self.project.path / ".tenfold" / "journal.db")) as journal:
            for record in journal.history(MOST_RECORDS):
                if record.kind == kind:
                    for step in flatten(tuple(map(from_json, record.steps))):
                        yield type(step).__name__

    def _once(self, arguments: tuple[str, ...]) -> tuple[int | None, str]:
        """Until it stops and is killed, ``None``; or its exit code, and what it said."""
        told, log = self.folder / "stopped", self.folder / "said"
        told.write_text("")
        left = ALL - set(self.struck)
        with log.open("wb") as output:
            command = subprocess.Popen(
                [sys.executable, "-m", "tenfold", *arguments],
                cwd=self.project.path,
                env={
                    **os.environ,
                    "TENFOLD_STOP_AT": ",".join(left),
                    "TENFOLD_STOPPED_IN": str(told),
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            stopped = _stands(command)
        finally:
            command.kill()
            code = command.wait()
        self.struck += told.read_text().split()
        return (None if stopped else code), log.read_text()


def _stands(command: subprocess.Popen[bytes]) -> bool:
    """Whether it has come to a point; not if it has ended."""
    deadline = time.monotonic() + COME_SECONDS
    while command.poll() is None:
        assert time.monotonic() < deadline
        with suppress(psutil.NoSuchProcess):
            if psutil.Process(command.pid).status() == psutil.STATUS_STOPPED:
                return True
        time.sleep(0.005)
    return False
