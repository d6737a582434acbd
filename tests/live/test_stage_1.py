"""Stage 1: pages before there is a server, and the app that comes up beside them and goes again."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps, chromium, examples, moves
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
Bring = Callable[[Any], Project]

SITE = '''
    """Notes with pages that need no database; before there is one, nothing else is asked."""

    import os
    from contextlib import asynccontextmanager

    from fastapi.responses import HTMLResponse

    import notes

    HEAD = "<link rel=canonical href='https://notes.example/%s'><title>%s</title>"
    WORDS = "Soon"


    @asynccontextmanager
    async def lifespan(app):
        if "DATABASE_URL" not in os.environ:
            yield
            return
        async with notes.lifespan(app):
            yield


    app = notes.app
    app.router.redirect_slashes = False  # it knows its pages without a slash alone
    app.router.lifespan_context = lifespan


    @app.get("/welcome", response_class=HTMLResponse)
    async def welcome():
        return HEAD % ("welcome/", WORDS) + "<a href='/about'>about</a>"


    @app.get("/about", response_class=HTMLResponse)
    async def about():
        return HEAD % ("about/", "About") + "<link rel=stylesheet href='/static/app.css'>us"
'''


def site(path: Path) -> Project:
    """Two pages, an app behind them."""
    project = apps.notes(path)
    project.write("site_app.py", SITE)
    text = (path / "tenfold.toml").read_text()
    pages = 'assets = { "/static" = "static" }\npages = ["/welcome"]\nfollow = true'
    text = text.replace("notes:app", "site_app:app")
    text = text.replace('assets = { "/static" = "static" }', pages)
    (path / "tenfold.toml").write_text(text)
    return project


def say(project: Project, words: str) -> None:
    file = project.path / "site_app.py"
    new = f'WORDS = "{words}"'
    lines = [new if x.startswith("WORDS") else x for x in file.read_text().split("\n")]
    file.write_text("\n".join(lines))


def begin(project: Project) -> None:
    project.ok("up", "-d", "--stage", "1", "--port", str(project.port))


@contextmanager
def readers(project: Project) -> Iterator[list[str]]:
    """People who read the pages all the time; what failed them."""
    failed: list[str] = []
    stop = threading.Event()
    answered = 0

    def read() -> None:
        nonlocal answered
        while not stop.wait(0.05):
            for path in ("/welcome/", "/about", "/static/app.css"):
                try:
                    status = project.get(path).status
                except OSError as error:
                    failed.append(f"{path}: {error}")
                    continue
                answered += 1
                if status != 200:
                    failed.append(f"{path}: {status}")

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield failed
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answered > 50


def test_pages_are_shown_as_they_will_be_published(bring: Bring) -> None:
    project = bring(site)
    begin(project)
    status = project.status()
    assert (status["stage"], status["state"], status["release"]) == ("1", "running", None)
    assert {u["engine"] for u in project.units()} == {"tenfold", "nginx"}
    dist = project.path / "dist"
    shown = project.get("/welcome/")
    assert (shown.status, shown.body) == (200, (dist / "welcome" / "index.html").read_bytes())
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert project.get("/about").body == (dist / "about" / "index.html").read_bytes()
    assert project.get("/static/app.css").text == "body { color: black }\n"
    assert project.get("/notes").status == 404
    assert project.request("POST", "/welcome/", body=b"x").status == 405
    assert project.tenfold("plan").returncode == 2

    before = status["pages"]
    say(project, "Sooner")
    with readers(project) as failed:
        project.ok("deploy")
        assert "<title>Sooner" in project.get("/welcome/").text
        project.ok("rollback")
        assert "<title>Soon<" in project.get("/welcome/").text
    assert failed == []
    assert project.status()["pages"] == before

    # What was published goes back with what is shown.
    subprocess.run(["git", "init", "-q", "--bare", project.path / "www.git"], check=True)
    with (project.path / "tenfold.toml").open("a") as file:
        file.write(f'\n[publish]\nto = "git+file://{project.path}/www.git"\n')
    for words in ("First", "Second"):
        say(project, words)
        project.ok("deploy")
        project.ok("publish")
    assert "<title>Second<" in published(project)
    project.ok("rollback")
    assert "<title>First<" in published(project)
    assert "<title>First<" in project.get("/welcome/").text

    say(project, '" + 1/0 + "')
    done = project.tenfold("deploy")
    assert done.returncode == 1
    assert "<title>First<" in project.get("/welcome/").text
    project.ok("down")
    project.ok("up", "-d", "--last")
    assert "<title>First<" in project.get("/welcome/").text
    refused = project.tenfold("console")
    assert refused.returncode != 0
    assert "at stage 1 no app runs" in refused.stderr


def published(project: Project) -> str:
    repository, page = project.path / "www.git", "gh-pages:welcome/index.html"
    shown = ["git", f"--git-dir={repository}", "show", page]
    return subprocess.run(shown, capture_output=True, text=True, check=True).stdout


def test_in_the_foreground_every_change_is_shown(bring: Bring) -> None:
    project = bring(site)
    process = project.start("up", "--stage", "1", "--port", str(project.port))
    try:
        await_title(project, "Soon")
        say(project, "Sooner")
        await_title(project, "Sooner")
        say(project, '" + 1/0 + "')  # told, and the next change is shown again
        say(project, "Now")
        await_title(project, "Now")
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "every change of the project is shown" in said
    assert project.status()["state"] == "stopped"


def await_title(project: Project, title: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if f"<title>{title}<" in project.get("/welcome/").text:
                return
        except OSError:
            pass
        time.sleep(0.2)
    pytest.fail(f"{title} was never shown")


@pytest.mark.always
def test_the_app_comes_up_beside_the_pages_and_goes_and_keeps_its_data(bring: Bring) -> None:
    project = bring(site)
    begin(project)
    with readers(project) as failed:
        plan = project.tenfold("plan", "--to", "10")
        assert plan.returncode == 2, plan.stderr
        assert "the edge leads to the app what no page answers" in plan.stdout
        said = project.ok("grow", "--prepare-only", timeout=200)
        assert "✓ every published page compared with the app's answer" in said
        assert "as published" not in said
        assert project.get("/notes").status == 404
        assert project.status()["transition"]["may"] == ["grow", "abort"]
        project.ok("grow", "--to", "10", timeout=200)
        assert project.request("POST", "/notes", body=b"kept").status == 201
        assert project.status()["stage"] == "10"

        # Files stand before the app; whoever has more to say is the app's.
        served = project.get("/welcome/")
        assert "tenfold-release" not in served.headers
        for headers, path in (({"Cookie": "sid=1"}, "/welcome"), ({}, "/welcome?a=1")):
            assert "tenfold-release" in project.request("GET", path, headers=headers).headers
        # What was published is there for them, too, where the app knows another address alone.
        for headers, path in (({"Cookie": "sid=1"}, "/welcome/"), ({}, "/welcome/?a=1")):
            found = project.request("GET", path, headers=headers)
            assert (found.status, found.body) == (200, served.body)
        assert project.request("GET", "/nothing/", headers={"Cookie": "sid=1"}).status == 404
        assert project.request("POST", "/welcome/", body=b"x").status == 404

        project.ok("reverse", timeout=200)
        assert project.get("/notes").status == 404
        project.ok("grow", timeout=200)
        project.ok("complete", "--yes", timeout=200)
        assert project.get("/notes").json() == ["kept"]

        say(project, "Here")
        project.ok("deploy", timeout=200)
        assert "<title>Here<" in project.get("/welcome/").text
        project.ok("rollback", timeout=200)
        assert "<title>Soon<" in project.get("/welcome/").text

        project.ok("shrink", "--to", "1", timeout=200)
        assert project.get("/notes").status == 404
        project.ok("complete", "--yes", timeout=200)
        assert {u["engine"] for u in project.units()} == {"tenfold", "nginx"}
    assert failed == []
    project.ok("grow", timeout=200)
    assert project.get("/notes").json() == ["kept"]
    refused = project.tenfold("grow", "--to", "100")
    assert "is not complete yet" in refused.stderr


@pytest.mark.skipif(chromium.missing() is not None, reason=str(chromium.missing()))
def test_a_browser_has_nothing_to_complain_of_before_and_while_the_app_comes(bring: Bring) -> None:
    project = bring(examples.conduit)
    begin(project)
    with chromium.window(f"http://127.0.0.1:{project.port}", "stage-1") as window:
        window.audit("/", "/about/")
        assert window.page.title()
        with project.start("grow", "--to", "10") as growing:
            while growing.poll() is None:
                window.page.reload(wait_until="networkidle")
            said, _ = growing.communicate()
        assert growing.returncode == 0, said
        window.page.goto("/")
    assert project.get("/api/tags").status == 200


def test_a_site_that_never_was_pages_is_as_before_when_it_does_not_become_pages(
    bring: Bring,
) -> None:
    project = bring(site)
    project.up()
    before = project.get("/welcome").headers["tenfold-release"]
    say(project, "Not deployed")
    project.ok("shrink", "--to", "1", "--prepare-only", timeout=200)
    assert "<title>Soon<" in project.get("/welcome/").text
    assert project.status()["transition"]["may"] == ["shrink", "abort"]
    project.ok("abort", timeout=200)
    found = project.get("/welcome")
    assert (found.status, found.headers["tenfold-release"]) == (200, before)
    assert project.get("/welcome/").status == 404
    assert project.status()["pages"] is None


def test_what_the_app_answers_otherwise_is_told(bring: Bring) -> None:
    project = bring(site)
    begin(project)
    say(project, "Another")
    said = project.ok("grow", "--prepare-only", timeout=200)
    assert "/welcome/: title 'Soon' as published, 'Another' from the app" in said
    project.ok("abort", timeout=200)
    assert project.status()["stage"] == "1"
    assert project.status()["transition"] is None


POINTS = [
    f"{step}.{when}"
    for step in ("StartUnit", "WarmPool", "Handover", "ComparePages", "RestartUnit")
    for when in ("before", "after")
]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("then", ["resume", "abort"])
@pytest.mark.parametrize("point", POINTS)
def test_a_move_that_is_killed_goes_on_or_is_given_up(bring: Bring, point: str, then: str) -> None:
    project = bring(site)
    begin(project)
    with readers(project) as failed:
        assert moves.killed_at(project, point, "grow", "--to", "10")
        assert project.status()["transition"]["may"] == ["resume", "abort"]
        project.ok(then, timeout=200)
    assert failed == []
    assert project.status()["stage"] == ("10" if then == "resume" else "1")
    assert project.get("/notes").status == (200 if then == "resume" else 404)


def test_a_deploy_that_is_killed_with_new_pages_before_the_old_app_is_told_and_mended(
    bring: Bring,
) -> None:
    project = bring(site)
    begin(project)
    project.ok("grow", "--to", "10", timeout=200)
    project.ok("complete", "--yes", timeout=200)
    say(project, "Here")
    with readers(project) as failed:
        assert moves.killed_at(project, "ShowPages.after", "deploy")
        assert "<title>Here<" in project.get("/welcome/").text
        assert project.status()["state"] == "degraded"
        assert "tenfold up --last goes back" in " ".join(project.ok("status").split())
        project.ok("up", "-d", "--last", timeout=200)
        assert "<title>Soon<" in project.get("/welcome/").text
        assert project.status()["state"] == "running"
        project.ok("deploy", timeout=200)
        assert "<title>Here<" in project.get("/welcome/").text
    assert failed == []
