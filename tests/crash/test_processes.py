"""kill -9 of every process of a running app: it comes back, no acknowledged write is lost."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support import apps
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(4)]


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="tenfold-crash-"))
    folder.chmod(0o755)
    made = apps.notes(folder)
    try:
        made.up()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


def until(condition: Callable[[], Any], subject: str, within: float = 60.0) -> Any:
    """Wait for a condition with a deadline and a subject."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {within} s for {subject}")


class Writer:
    """Writes all the time; knows what was acknowledged and what failed."""

    def __init__(self, project: Project, prefix: str) -> None:
        self.project, self.prefix = project, prefix
        self.acknowledged: list[str] = []
        self.failed: list[str] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self.thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop.set()
        self.thread.join()

    def _write(self) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            text = f"{self.prefix} {number}"
            try:
                status = self.project.request("POST", "/notes", body=text.encode()).status
            except (OSError, HTTPException) as error:
                self.failed.append(f"{text}: {error!r}")
                continue
            (self.acknowledged if status == 201 else self.failed).append(text)


def healthy(project: Project) -> bool:
    try:
        return project.status()["state"] == "running" and project.get("/notes").status == 200
    except OSError:
        return False


@pytest.mark.always
@pytest.mark.parametrize("engine", ["postgresql", "nginx", "uvicorn", "tenfold"])
def test_a_killed_process_comes_back_and_nothing_acknowledged_is_lost(
    project: Project, engine: str
) -> None:
    until(lambda: healthy(project), "health before the fault")
    units = project.units()
    before = {u["name"]: u["pid"] for u in units}
    victim = next(u for u in units if u["engine"] == engine)
    with Writer(project, engine) as writer:
        until(lambda: len(writer.acknowledged) > 5, "writes before the fault")
        os.kill(victim["pid"], signal.SIGKILL)
        killed = len(writer.acknowledged)
        until(lambda: len(writer.acknowledged) > killed + 20, f"writes after {engine} died")
        until(lambda: healthy(project), f"health after {engine} died")
    after = {u["name"]: u["pid"] for u in project.units()}
    assert after.keys() == before.keys()
    assert after[victim["name"]] != victim["pid"]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {victim["name"]}, "only what was killed was started again"
    notes = project.get("/notes").json()
    mine = [n for n in notes if n.startswith(f"{engine} ")]
    assert set(writer.acknowledged) <= set(mine), "lost"
    assert len(mine) == len(set(mine)), "duplicated"
    if engine == "tenfold":
        assert writer.failed == [], "the agent is not in the data path"


def lose_power(project: Project) -> None:
    """Stop everything first, so that nobody sees another die and starts it again."""
    victims = project.processes()
    for act in (psutil.Process.suspend, psutil.Process.kill):
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                act(victim)
    psutil.wait_procs(victims, timeout=10)


def test_everything_killed_at_once_like_a_machine_that_loses_power(project: Project) -> None:
    until(lambda: healthy(project), "health before the fault")
    with Writer(project, "power") as writer:
        until(lambda: len(writer.acknowledged) > 20, "writes before the fault")
        lose_power(project)
        writer.stop.set()
    until(lambda: not project.processes(), "everything to be gone")
    assert project.status()["state"] == "stopped"
    project.ok("up", "-d")
    notes = project.get("/notes").json()
    assert set(writer.acknowledged) <= set(notes)


def test_without_keeper_and_agent_status_tells_it_and_down_still_stops(project: Project) -> None:
    project.tenfold("up", "-d")
    until(lambda: healthy(project), "health before the fault")
    daemons = [p for p in project.processes() if "tenfold/agent" in " ".join(p.cmdline())]
    assert len(daemons) == 2
    for process in daemons:
        process.suspend()  # so that neither sees the other go
    for process in daemons:
        process.kill()
    psutil.wait_procs(daemons, timeout=10)
    assert project.get("/").status == 200, "the agent is not in the data path"
    assert project.status()["state"] == "degraded"
    assert "its units still run" in project.ok("status")
    project.ok("down")
    until(lambda: not project.processes(), "everything to be stopped")
    project.ok("up", "-d")
    assert healthy(project)


def test_a_host_of_which_only_its_edge_is_left_is_seen_and_stopped(project: Project) -> None:
    """nginx writes its title over its environment, and so over the mark by which units are told."""
    edge = next(u["pid"] for u in project.units("nginx"))
    workers = psutil.Process(edge).children()
    assert workers
    others = [p for p in project.processes() if p.pid != edge and p not in workers]
    for process in others:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()  # so that nobody brings another one back
    for process in (*others, psutil.Process(edge)):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(others, timeout=20)
    assert all(worker.is_running() for worker in workers)
    assert "its units still run" in project.ok("status")
    assert "did not run" not in project.ok("down")
    _, left = psutil.wait_procs(workers, timeout=10)
    assert not left
    project.up()
    assert project.get("/").status == 200
