"""The app in two zones, with real engines: deployed in both at once, and one of them dies.

Stage 1k without its databases: one that stays where it is, so that only the app's side is tried. No
command makes that; what plans and acts is what a command would call.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tests.live.test_deploy import change
from tests.support import apps, second_zone
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

from tenfold.agent import identity
from tenfold.agent.context import host_key
from tenfold.deployment.deployment import Deployment
from tenfold.state.layout import Layout

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


def in_two_zones(bring: Bring) -> tuple[Project, Project]:
    """The notes app, as it is asked for at each of its edges."""
    project = bring(apps.notes)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port))
    served = Deployment.existing(Layout(project.path)).observe().release
    second_zone.carry_out(project, "up", str(served))
    other = next(e for e in project.status()["edges"] if e["zone"] == "b")
    return project, replace(project, address=str(urlsplit(other["url"]).hostname))


def host_processes(project: Project, host: str) -> list[psutil.Process]:
    """Everything that a host runs, its agent and its keeper first."""
    folder = str((project.path / ".tenfold" / "hosts" / host).resolve())
    found = [
        p for p in psutil.process_iter(["cmdline"]) if folder in " ".join(p.info["cmdline"] or ())
    ]
    return [*found, *(c for p in found for c in p.children(recursive=True))]


def test_a_deploy_reaches_both_zones_at_once_and_fails_nothing(bring: Bring) -> None:
    project, other = in_two_zones(bring)
    status = project.status()
    assert [(e["zone"], e["answers"]) for e in status["edges"]] == [("a", True), ("b", True)]
    assert status["state"] == "running"
    assert other.get("/").json()["version"] == project.get("/").json()["version"] == "one"
    with Users(project, 2) as users, Users(other, 2) as others:
        change(project, "two")
        steps = second_zone.carry_out(project, "deploy")
        assert {project.get("/").json()["version"], other.get("/").json()["version"]} == {"two"}
    inner = [[s["step"] for s in step.get("steps", ())] for step in steps]
    assert ["Handover", "Handover"] in inner
    assert users.failures == others.failures == []
    assert {"one", "two"} <= users.versions | others.versions
    notes = project.get("/notes").json()
    assert sorted(notes) == sorted([*users.acknowledged, *others.acknowledged])
    assert {u["name"] for u in project.units("uvicorn")} >= {"app.2.1"}
    said = project.ok("logs", "edge", "-n", "1")
    assert "app1/edge" in said
    assert "app2/edge" in said
    before = project.status()["traffic"]["requests"]
    for edge in (project, other) * 5:
        edge.get("/")
    assert project.status()["traffic"]["requests"] == before + 10, "of both zones"


def test_an_edge_whose_own_app_is_gone_goes_to_the_other_zones(bring: Bring) -> None:
    project, other = in_two_zones(bring)
    with Users(project, 2) as users, Users(other, 2) as others:
        with others.harmed_by("its app was killed"):
            lost = [p for p in host_processes(project, "app2") if "nginx" not in p.name()]
            assert len(lost) > 2
            for process in lost:
                process.suspend()  # nobody may bring another one back
            for process in lost:
                process.kill()
            psutil.wait_procs(lost, timeout=20)
        seen = len(others.acknowledged)
        status = project.status()
        assert [(e["zone"], e["answers"]) for e in status["edges"]] == [("a", True), ("b", True)]
        assert status["state"] == "degraded"
        until(lambda: len(others.acknowledged) > seen + 20, "edge b answers from zone a")
        second_zone.carry_out(project, "up", str(status["release"]))
        own = {u["pid"] for u in host_units(project, "app2") if u["engine"] == "uvicorn"}
        until(lambda: other.get("/").json()["pid"] in own, "edge b answers from its own zone")
    assert users.failures == others.failures == []
    found = project.get("/notes").json()
    assert {*users.acknowledged, *others.acknowledged} <= set(found)


@contextmanager
def killed_again_and_again(project: Project, host: str) -> Iterator[None]:
    """No worker of the app comes up on this host; its agent lives, and tries."""
    root = project.path / ".tenfold" / "hosts" / host
    mark, over = f"/{host_key(root)}-", threading.Event()

    def kill() -> None:
        while not over.wait(0.1):
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error):
                    told = process.environ().get(identity.MARKER, "")
                    if mark in told and f"/{host}/app." in told:
                        process.kill()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def pid_behind(edge: Project) -> int | None:
    try:
        return int(edge.get("/", timeout=5).json()["pid"])
    except OSError:
        return None


def test_an_edge_whose_own_workers_do_not_come_back_goes_to_the_other_zones(bring: Bring) -> None:
    project, other = in_two_zones(bring)
    theirs = {u["pid"] for u in host_units(project, "app1") if u["engine"] == "uvicorn"}
    with ThreadPoolExecutor() as pool:
        with killed_again_and_again(project, "app2"):
            waiting = [pool.submit(other.get, "/", timeout=100) for _ in range(3)]
            until(lambda: pid_behind(other) in theirs, "edge b to be answered by zone a")
            for _ in range(20):
                assert other.get("/").json()["pid"] in theirs
            assert project.get("/").json()["pid"] in theirs
        assert [request.result().status for request in waiting] == [200] * 3
    until(lambda: pid_behind(other) not in (*theirs, None), "its own zone's to answer again")


def host_units(project: Project, host: str) -> list[dict[str, Any]]:
    units: list[dict[str, Any]] = next(
        h["units"] for h in project.status()["hosts"] if h["name"] == host
    )
    return units
