"""Pages rendered in a process of the app's own, from a copy of the runtime, by real frames."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import ExportError
from tenfold.export.renderer import Ended, Failed, Renderer, Started
from tenfold.runtime import package
from tenfold.wiring.rendering import RenderSettings

ASGI = """
    import asyncio, os, sys, time

    print("imported")
    os.write(1, b"below Python\\n")
    events = []

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["greeting"] = "hello"
            await send({"type": "lifespan.startup.complete"})
            await receive()
            open(os.environ["LEFT"], "w").write("shut down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        path = scope["path"].removeprefix(scope["root_path"])

        async def answer(body, status=200, headers=(), more=False):
            head = [(b"Content-Type", b"text/html"), *headers]
            await send({"type": "http.response.start", "status": status, "headers": head})
            await send({"type": "http.response.body", "body": body, "more_body": more})

        if path == "/":
            host = dict(scope["headers"])[b"host"]
            told = (scope["state"]["greeting"], scope["scheme"], host.decode(), scope["path"])
            await answer(repr(told).encode())
        elif path == "/cookie":
            await answer(b"", headers=[(b"Set-Cookie", b"sid=secret; Path=/")])
        elif path == "/raises":
            print("just before")
            raise RuntimeError("no such thing")
        elif path == "/prints":
            print("the database is away")
            await answer(b"", 503)
        elif path == "/silent":
            return
        elif path == "/half":
            await answer(b"x", more=True)
        elif path == "/large":
            await answer(b"x" * 300_000)
        elif path == "/too-large":
            await answer(b"x" * 2_000_000)
        elif path == "/endless":
            await answer(b"x", more=True)
            while True:
                await asyncio.sleep(0.01)
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        elif path == "/waits":
            await asyncio.Event().wait()
        elif path == "/blocks":
            time.sleep(60)
        elif path == "/exits":
            os._exit(7)
        elif path == "/lies":
            os.write(int(os.environ.get("ANSWERS", "4")), b"Zxxxxnonsense")
            await asyncio.sleep(30)
        elif path == "/café":
            await answer(scope["raw_path"])
"""

WSGI = """
    def app(environ, start_response):
        path = environ["PATH_INFO"].encode("latin-1").decode()

        class Body:
            closed = 0
            def __iter__(self):
                yield b"a"
                yield b"b"
            def close(self):
                Body.closed += 1
                if path == "/close-raises":
                    raise RuntimeError("while closing")

        if path == "/raises":
            raise ValueError("nothing good")
        if path == "/late":
            start_response("200 OK", [("Content-Type", "text/plain")])
            raise ValueError("after the head")
        if path == "/silent":
            return [b""]
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        if path == "/writes":
            write(b"old style ")
        if path == "/endless":
            return iter(lambda: b"x", None)
        return Body()
"""

Begin = Callable[..., Renderer]


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runtime")
    for name, source in package.files().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, folder / name)
    return folder


@pytest.fixture
def begin(tmp_path: Path, runtime: Path) -> Iterator[Begin]:
    """Start a renderer for an app; all of them have ended at the end."""
    begun: list[Renderer] = []

    def make(text: str, entry: str = "pages:app", **more: Any) -> Renderer:
        (tmp_path / "pages.py").write_text(textwrap.dedent(text))
        settings: dict[str, Any] = {
            "entry": entry, "interface": "auto", "scheme": "https", "host": "example.org",
            "prefix": "", "page_seconds": 1.0, "page_bytes": 1_000_000, **more,
        }  # fmt: skip

        def start() -> subprocess.Popen[bytes]:
            pipe = subprocess.PIPE
            return subprocess.Popen(
                [sys.executable, str(runtime / package.LAUNCHER), "--render"],
                cwd=tmp_path,
                env={"LEFT": str(tmp_path / "left"), "PATH": "/usr/bin:/bin"},
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                start_new_session=True,
            )

        renderer = Renderer(start, RenderSettings(**settings))
        renderer.__enter__()
        begun.append(renderer)
        renderer.tell()
        return renderer

    yield make
    for renderer in begun:
        renderer.__exit__(None, None, None)


def got(renderer: Renderer, path: str, *, body: bool = True) -> tuple[Any, bytes, Any]:
    """Head, body and end of a page."""
    renderer.ask(path, body=body)
    head, parts = None, []
    deadline = renderer.began()
    while True:
        match renderer.event(deadline):
            case Started(found):
                head = found
            case bytes() as part:
                parts.append(part)
            case end:
                return head, b"".join(parts), end


def test_an_asgi_app_answers_with_what_its_lifespan_left_and_shuts_down(
    begin: Begin, tmp_path: Path
) -> None:
    renderer = begin(ASGI, prefix="/shop")
    assert renderer.ready() == "asgi"
    head, body, end = got(renderer, "/")
    assert head.status == 200
    assert head.headers == {"content-type": "text/html"}
    assert body.decode() == repr(("hello", "https", "example.org", "/shop/"))
    assert isinstance(end, Ended)
    assert end.bytes == len(body)
    renderer.__exit__(None, None, None)
    assert (tmp_path / "left").read_text() == "shut down"


def test_paths_arrive_as_an_app_behind_a_server_gets_them(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    assert got(renderer, "/café")[1] == b"/caf%C3%A9"


def test_a_second_look_gets_no_body_and_the_same_digest(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    _, body, whole = got(renderer, "/large")
    _, nothing, again = got(renderer, "/large", body=False)
    assert len(body) == 300_000
    assert nothing == b""
    assert again == whole


def test_cookies_are_told_by_name_and_never_by_value(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    head, _, _ = got(renderer, "/cookie")
    assert head.cookies == ("sid",)
    assert "secret" not in repr(head)


@pytest.mark.parametrize(
    ("path", "what", "detail"),
    [
        ("/raises", "raised", "RuntimeError: no such thing"),
        ("/silent", "without a word|to its end", ""),
        ("/half", "to its end", ""),
        ("/too-large", "more than 1,000,000 bytes", ""),
        ("/endless", "more than 1 s", ""),
        ("/waits", "more than 1 s", "in app"),
    ],
)
def test_a_page_that_fails_says_why_and_the_next_one_is_fine(
    begin: Begin, path: str, what: str, detail: str
) -> None:
    import re

    renderer = begin(ASGI)
    renderer.ready()
    _, _, end = got(renderer, path)
    assert isinstance(end, Failed)
    assert re.search(what, end.what), end
    assert detail in end.detail
    assert isinstance(got(renderer, "/")[2], Ended)


def test_what_an_app_prints_while_it_answers_with_an_error_is_told(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    head, _, end = got(renderer, "/prints")
    assert head.status == 503
    assert end.said == "the database is away\n"


def test_a_page_that_blocks_is_ended_and_says_in_which_line(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    with pytest.raises(ExportError, match="/blocks takes more than 1 s") as told:
        got(renderer, "/blocks")
    assert "pages.py" in (told.value.detail or "")


def test_a_process_that_ends_within_a_page_says_which_and_how(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    with pytest.raises(ExportError, match="exit code 7 while it made /exits"):
        got(renderer, "/exits")


def test_nonsense_on_the_wire_is_refused(begin: Begin) -> None:
    renderer = begin(ASGI)
    renderer.ready()
    with pytest.raises(ExportError, match="cannot be understood"):
        got(renderer, "/lies")


@pytest.mark.parametrize(
    ("text", "entry", "why"),
    [
        ("raise RuntimeError('no settings')", "pages:app", "no settings"),
        ("import nowhere", "pages:app", "nowhere"),
        ("x = 1", "pages:app", 'has no "app"'),
        ("import sys; sys.exit(4)", "pages:app", "sys.exit"),
        ("def make(): raise ValueError('half')", "pages:make()", "half"),
        (
            "async def app(scope, receive, send):\n"
            "  await receive()\n"
            "  await send({'type': 'lifespan.startup.failed', 'message': 'no database'})",
            "pages:app",
            "no database",
        ),
    ],
)
def test_an_app_that_does_not_start_says_why(begin: Begin, text: str, entry: str, why: str) -> None:
    renderer = begin(text, entry)
    with pytest.raises(ExportError, match="did not start") as told:
        renderer.ready()
    assert why in f"{told.value}{told.value.detail}"


def test_an_app_without_lifespan_goes_on_without(begin: Begin) -> None:
    renderer = begin("""
        async def app(scope, receive, send):
            assert scope["type"] == "http"
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"fine"})
    """)
    assert renderer.ready() == "asgi"
    assert got(renderer, "/")[1] == b"fine"


@pytest.mark.parametrize(
    ("path", "body"), [("/", b"ab"), ("/writes", b"old style ab"), ("/silent", b"")]
)
def test_a_wsgi_app_answers(begin: Begin, path: str, body: bytes) -> None:
    renderer = begin(WSGI)
    assert renderer.ready() == "wsgi"
    _, found, end = got(renderer, path)
    assert found == body
    assert isinstance(end, Failed if path == "/silent" else Ended)


@pytest.mark.parametrize(
    ("path", "detail"),
    [("/raises", "nothing good"), ("/late", "after the head"), ("/close-raises", "while closing")],
)
def test_a_wsgi_app_that_raises_says_where(begin: Begin, path: str, detail: str) -> None:
    renderer = begin(WSGI)
    renderer.ready()
    _, _, end = got(renderer, path)
    assert isinstance(end, Failed)
    assert detail in end.detail
    assert got(renderer, "/")[1] == b"ab"


def test_a_wsgi_app_that_streams_for_ever_is_stopped(begin: Begin) -> None:
    renderer = begin(WSGI, page_bytes=10_000)
    renderer.ready()
    _, _, end = got(renderer, "/endless")
    assert isinstance(end, Failed)
    assert "more than" in end.what


def test_settings_are_one_line_of_json() -> None:
    settings = RenderSettings("a:b", "auto", "http", "h", "", 1.0, 2)
    from tenfold.wiring import rendering

    line = rendering.settings_line(settings)
    assert line.endswith(b"\n")
    assert json.loads(line)["entry"] == "a:b"
    assert rendering.settings_from(line) == settings
