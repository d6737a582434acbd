"""Asks the app itself for a page, inside the process: does it answer, and what does it say?"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Final
from urllib.parse import unquote

from .failures import describe

WITHIN_SECONDS: Final = 10.0
BODY_BYTES: Final = 2048
AGENT: Final = "tenfold-probe"


class _Answer:
    """Collects status and the start of the body."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.body = b""
        self.began = perf_counter()

    def add(self, chunk: bytes) -> None:
        self.body += chunk[: BODY_BYTES - len(self.body)]

    def report(self, error: BaseException | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "ok": True,
            "status": self.status if self.status is not None and error is None else 500,
            "seconds": round(perf_counter() - self.began, 6),
            "body": self.body.decode("utf-8", "replace"),
        }
        if error is not None:
            answer["traceback"] = describe(error, "The app raised while it answered the probe")
        elif self.status is None:
            answer["traceback"] = "The app returned without an answer"
        return answer


def too_slow(path: str) -> dict[str, Any]:
    """The answer when the app has not answered in time."""
    return {"ok": False, "error": f"GET {path} was not answered within {WITHIN_SECONDS:g} s"}


async def ask_asgi(app: Any, path: str, host: str, state: Mapping[str, Any]) -> dict[str, Any]:
    """``GET path`` of an ASGI 3 app; ``state`` is what its lifespan left."""
    answer = _Answer()
    done = asyncio.Event()
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await done.wait()
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
        elif message["type"] == "http.response.body":
            answer.add(bytes(message.get("body", b"")))
            if not message.get("more_body", False):
                done.set()

    try:
        async with asyncio.timeout(WITHIN_SECONDS) as bound:
            await app(_scope(path, host, state), receive, send)
    except TimeoutError as error:
        # The app may raise one of its own.
        return too_slow(path) if bound.expired() else answer.report(error)
    except Exception as error:  # noqa: BLE001 - the app's exception is the answer
        return answer.report(error)
    return answer.report()


def _scope(path: str, host: str, state: Mapping[str, Any]) -> dict[str, Any]:
    raw, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "path": unquote(raw),
        "raw_path": raw.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", host.encode()), (b"user-agent", AGENT.encode()), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
        "state": dict(state),
    }


def ask_wsgi(app: Any, path: str, host: str) -> dict[str, Any]:
    """``GET path`` of a WSGI app, in the calling thread; whoever waits sets the time limit."""
    answer = _Answer()

    def start_response(status: str, headers: object, exc_info: object = None) -> Any:
        answer.status = int(status.split(" ", 1)[0])
        return answer.add

    chunks: Iterable[bytes] = ()
    try:
        chunks = app(_environ(path, host), start_response)
        for chunk in chunks:
            answer.add(chunk)
            if len(answer.body) >= BODY_BYTES:
                break
    except Exception as error:  # noqa: BLE001 - the app's exception is the answer
        return answer.report(error)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return answer.report()


def _environ(path: str, host: str) -> dict[str, Any]:
    raw, _, query = path.partition("?")
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        # WSGI carries bytes as Latin-1 (PEP 3333).
        "PATH_INFO": unquote(raw, "latin-1"),
        "RAW_URI": path,
        "QUERY_STRING": query,
        "SERVER_NAME": host.rpartition(":")[0] or host,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": host,
        "HTTP_USER_AGENT": AGENT,
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
