"""Several real processes that share the pages; each says who it is."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tenfold.deployment.exporting import abreast
from tenfold.errors import ExportError
from tenfold.export.abreast import Abreast
from tenfold.export.renderer import Ended
from tenfold.runtime import package
from tenfold.wiring.rendering import RenderSettings

APP = """
    import os, time

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/exits":
            os._exit(7)
        if path == "/slow":
            time.sleep(0.3)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"{os.getpid()} {path}".encode()]
"""


@pytest.fixture
def settings() -> RenderSettings:
    return RenderSettings("pages:app", "wsgi", "http", "example.org", "", 5.0, 1_000_000)


@pytest.fixture
def started(tmp_path: Path, settings: RenderSettings):
    for name, source in package.files().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, tmp_path / name)
    (tmp_path / "pages.py").write_text(textwrap.dedent(APP))
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, str(tmp_path / package.LAUNCHER), "--render"],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
        )
        processes.append(process)
        return process

    with Abreast(start, settings, 2) as app:
        app.ready()
        yield app, processes
    assert all(process.returncode is not None for process in processes)


def body(app: Abreast) -> str:
    renderer, parts = app.answer(), []
    deadline = renderer.began()
    while not isinstance(event := renderer.event(deadline), Ended):
        if isinstance(event, bytes):
            parts.append(event)
    return b"".join(parts).decode()


def test_pages_are_shared_and_heard_in_the_order_in_which_they_were_asked_for(started) -> None:
    app, processes = started
    paths = ["/slow", *(f"/{number}" for number in range(9))]
    for path in paths:
        assert app.room
        app.ask(path)
    heard = []
    while (asked := app.asked) is not None:
        pid, path = body(app).split()
        assert path == asked
        heard.append((int(pid), path))
    assert [path for _, path in heard] == paths
    pids = [process.pid for process in processes]
    assert [pid for pid, _ in heard] == [pids[turn % 2] for turn in range(len(paths))]


def test_one_that_ends_is_named_by_its_page_and_the_other_is_ended_too(started) -> None:
    app, _ = started
    for path in ("/0", "/exits", "/2"):
        app.ask(path)
    assert body(app).endswith("/0")
    with pytest.raises(ExportError, match="exit code 7 while it made /exits"):
        body(app)


@pytest.mark.parametrize(
    ("cores", "twice", "count"),
    [(1, True, 1), (1, False, 1), (2, True, 1), (2, False, 2), (8, True, 4), (64, False, 4)],
)
def test_there_are_as_many_as_there_are_cores_for(cores: int, twice: bool, count: int) -> None:
    assert abreast(cores, twice=twice) == count
