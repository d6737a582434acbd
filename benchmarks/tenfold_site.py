"""A site through the ``tenfold`` command, as a user calls it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import perf_counter

import psutil
import psycopg

from benchmarks.apps import App
from benchmarks.processes import tree
from benchmarks.sites import OURS, Parts
from tenfold.observe.report import store
from tenfold.observe.report.model import Report

MOVE_SECONDS = 1800.0
END_SECONDS = 60.0
STEP = re.compile(r"^  ✓ (?P<what>.+?)\s+(?P<seconds>[\d.]+) s$", re.MULTILINE)
PARTS = (  # the step's words, and what the by-hand side calls the same
    ("host", "agent"),
    ("postgres", "postgres, with initdb when cold"),
    ("release", "release built"),
    ("database and roles", "role and database"),
    ("migrat", "migrations"),
    ("app", "app"),
    ("edge", "edge"),
)


class TenfoldSite:
    """One project of Tenfold's in ``folder``, which must not exist yet."""

    name = OURS

    def __init__(self, app: App, folder: Path) -> None:
        self._app = app
        self.project = app.project(folder)
        self.url = f"http://127.0.0.1:{self.project.port}"

    def up(self) -> Parts:
        """``tenfold up -d``; the parts are what it says itself."""
        began = perf_counter()
        said = self.project.ok("up", "-d", "--port", str(self.project.port), timeout=300)
        return {**parts_of(said), "the whole command": perf_counter() - began}

    def down(self) -> None:
        self.project.ok("down")

    def seed(self) -> None:
        if self._app.seed:
            self.project.ok("run", "python", "-m", *self._app.seed)
        with psycopg.connect(self.dsn(), autocommit=True) as db:
            db.execute("analyze")

    def renew(self, version: str) -> None:
        self.project.write("version.py", f'VERSION = "{version}"\n')
        self.project.ok("deploy", timeout=300)

    def rollback(self) -> None:
        """To the release that served before this one."""
        self.project.ok("rollback", timeout=300)

    def move(self, *command: str) -> tuple[Report, float]:
        """One command that moves the app; gives its report, and how long it took, in seconds."""
        began = perf_counter()
        self._moves(*command)
        took = perf_counter() - began
        _, report = store.load(self.project.path / ".tenfold" / "reports", store.LAST)
        return report, took

    def stage(self) -> str:
        """The stage that it is at."""
        return str(self.project.status()["stage"])

    def dsn(self) -> str:
        return self.project.ok("run", "printenv", "DATABASE_URL").strip()

    def workers(self) -> int:
        return len(self.project.units("uvicorn"))

    def units(self) -> Mapping[str, Sequence[int]]:
        """By kind; the agent's own processes stand apart."""
        found = [(unit["name"], int(unit["pid"])) for unit in self.project.units()]
        kinds: dict[str, list[int]] = {}
        for name, pid in found:
            if name != "agent":
                kinds.setdefault(name.partition(".")[0], []).extend(tree(pid))
        # The agent's parent is its keeper, which starts it again if it dies.
        keeper = psutil.Process(dict(found)["agent"]).ppid()
        others = {pid for pids in kinds.values() for pid in pids}
        kinds["agent"] = [pid for pid in tree(keeper) if pid not in others]
        return kinds

    def close(self) -> None:
        self.project.close()

    def _moves(self, *command: str) -> None:
        """Run a command that must not be killed half-way: it is interrupted, and takes back."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tenfold", *command],
            cwd=self.project.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # Ctrl-C reaches it once, from here
        )
        try:
            said, _ = process.communicate(timeout=MOVE_SECONDS)
        except BaseException:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=END_SECONDS)
            process.kill()
            process.wait()
            raise
        assert process.returncode == 0, f"{command}: {process.returncode}\n{said}"


def parts_of(said: str) -> Parts:
    """Seconds by part, from the lines that ``tenfold up`` prints."""
    parts: Parts = {}
    for step in STEP.finditer(said):
        part = next((name for words, name in PARTS if words in step["what"]), step["what"])
        parts[part] = parts.get(part, 0.0) + float(step["seconds"])
    return parts
