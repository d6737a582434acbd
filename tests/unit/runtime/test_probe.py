from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tenfold.runtime import probe


async def test_asgi_gets_a_plain_get_request() -> None:
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.update(scope)
        seen["request"] = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"fine"})
        seen["after"] = await receive()

    answer = await probe.ask_asgi(app, "/health%20z?full=1", "shop.test:8000", {"pool": 7})
    assert (answer["ok"], answer["status"], answer["body"]) == (True, 200, "fine")
    assert answer["seconds"] >= 0
    assert (seen["method"], seen["http_version"]) == ("GET", "1.1")
    assert (seen["path"], seen["raw_path"]) == ("/health z", b"/health%20z")
    assert seen["query_string"] == b"full=1"
    assert (b"host", b"shop.test:8000") in seen["headers"]
    assert seen["state"] == {"pool": 7}
    assert seen["request"] == {"type": "http.request", "body": b"", "more_body": False}
    assert seen["after"] == {"type": "http.disconnect"}


async def test_asgi_body_is_cut() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(10):
            await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    answer = await probe.ask_asgi(app, "/", "localhost", {})
    assert answer["body"] == "x" * probe.BODY_BYTES


async def test_asgi_exception_after_its_error_page() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Internal Server Error"})
        raise RuntimeError("broken page")

    answer = await probe.ask_asgi(app, "/", "localhost", {})
    assert (answer["ok"], answer["status"], answer["body"]) == (True, 500, "Internal Server Error")
    assert "RuntimeError: broken page" in answer["traceback"]


async def test_asgi_without_an_answer() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None: ...

    answer = await probe.ask_asgi(app, "/", "localhost", {})
    assert (answer["status"], answer["traceback"]) == (500, "The app returned without an answer")


async def test_asgi_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "WITHIN_SECONDS", 0.05)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    answer = await probe.ask_asgi(app, "/health", "localhost", {})
    assert answer == {"ok": False, "error": "GET /health was not answered within 0.05 s"}


async def test_the_apps_own_timeout_is_not_ours() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise TimeoutError("the cache did not answer")

    answer = await probe.ask_asgi(app, "/", "localhost", {})
    assert answer["status"] == 500
    assert "TimeoutError: the cache did not answer" in answer["traceback"]


def test_wsgi_gets_a_plain_get_request() -> None:
    seen: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return [b"fine"]

    answer = probe.ask_wsgi(app, "/caf%C3%A9?full=1", "shop.test:8000")
    assert (answer["ok"], answer["status"], answer["body"]) == (True, 200, "fine")
    assert seen["PATH_INFO"].encode("latin-1").decode() == "/café"
    assert (seen["QUERY_STRING"], seen["HTTP_HOST"]) == ("full=1", "shop.test:8000")
    assert (seen["SERVER_NAME"], seen["REQUEST_METHOD"]) == ("shop.test", "GET")


def test_wsgi_exception() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise RuntimeError("broken page")

    answer = probe.ask_wsgi(app, "/", "localhost")
    assert answer["status"] == 500
    assert "RuntimeError: broken page" in answer["traceback"]


def test_wsgi_body_is_cut_and_closed() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter(lambda: b"x" * 1000, None)

        def close(self) -> None:
            closed.append(True)

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", [])
        return Body()

    assert len(probe.ask_wsgi(app, "/", "localhost")["body"]) == probe.BODY_BYTES
    assert closed == [True]
