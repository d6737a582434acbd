"""Pages of an ASGI app, one after the other, with its lifespan around them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import MutableMapping
from typing import Any, BinaryIO, Final

from .asgi import Asgi2
from .failures import StartFailed, describe
from .render_page import ACCEPT, AGENT, Page, TooMuch

Message = MutableMapping[str, Any]
MOST_LINE: Final = 1 << 16
MOST_FRAMES: Final = 100
STARTUP_SECONDS: Final = 60.0
SHUTDOWN_SECONDS: Final = 10.0


class AsgiPages:
    """``two`` tells an ASGI 2 app."""

    def __init__(self, app: Any, page: Page, *, two: bool = False) -> None:
        self._app = Asgi2(app) if two else app
        self._page = page
        settings = page.settings
        name, _, port = settings.host.partition(":")
        default = 443 if settings.scheme == "https" else 80
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": settings.scheme,
            "root_path": settings.prefix,
            "query_string": b"",
            "headers": [
                (b"host", settings.host.encode()),
                (b"user-agent", AGENT.encode()),
                (b"accept", ACCEPT.encode()),
            ],
            "client": ("127.0.0.1", 0),
            "server": (name, int(port) if port.isdecimal() else default),
        }

    async def serve(self, reader: BinaryIO) -> int:
        """Answer until there are no more requests; gives the exit code.

        Raises:
            StartFailed: the app's start-up failed.
        """
        lifespan = Lifespan(self._app)
        await lifespan.start()
        self._page.ready("asgi")
        lines = await _lines(reader)
        while request := await lines.readline():
            await self.render(*self._page.begin(request), lifespan.state)
        await lifespan.stop()
        return 0

    async def render(self, path: str, raw: str, state: dict[str, Any]) -> None:
        """One page, bounded in time."""
        page, done = self._page, asyncio.Event()
        prefix = page.settings.prefix
        scope = {
            **self._scope,
            "path": prefix + path,
            "raw_path": (prefix + raw).encode(),
            "headers": list(self._scope["headers"]),
            "state": dict(state),
        }
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await done.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                page.start(message["status"], _headers(message))
            elif message["type"] == "http.response.body" and not done.is_set():
                page.add(bytes(message.get("body", b"")))
                if not message.get("more_body", False):
                    done.set()

        # A task of its own, as under a server: what it sets in its context ends with it.
        call = asyncio.ensure_future(self._app(scope, receive, send))
        finished, _ = await asyncio.wait({call}, timeout=page.settings.page_seconds)
        if not finished:
            where = _where(call)
            await _end(call)
            page.fail(f"takes more than {page.settings.page_seconds:g} s", where)
            return
        error = None if call.cancelled() else call.exception()
        if isinstance(error, TooMuch):
            page.fail(str(error), "")
        elif error is not None:
            page.raised(error)
        elif call.cancelled() or not done.is_set():
            page.fail("was not answered to its end", "")
        else:
            page.end()


class Lifespan:
    """The app's start-up and shutdown; an app that knows none goes on without."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.state: dict[str, Any] = {}
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._answers: asyncio.Queue[Message] = asyncio.Queue()
        self._call: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run the start-up.

        Raises:
            StartFailed: the app says that it failed, or does not come to its end.
        """
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": self.state,
        }
        self._call = asyncio.ensure_future(self._app(scope, self._events.get, self._answers.put))
        self._events.put_nowait({"type": "lifespan.startup"})
        answer = await self._answer(STARTUP_SECONDS)
        if answer is None and not self._call.done():
            raise StartFailed(f"its lifespan start-up takes more than {STARTUP_SECONDS:g} s")
        if answer is None:  # raised, or returned: as servers take it, it has no lifespan
            self._call.exception()
            self._call = None
        elif answer["type"] == "lifespan.startup.failed":
            with contextlib.suppress(Exception):
                await self._call
            error = None if self._call.cancelled() else self._call.exception()
            raise StartFailed(_reason(answer, error))

    async def stop(self) -> None:
        """Run the shutdown, for a while; the pages are made already."""
        if self._call is None or self._call.done():
            return
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await self._answer(SHUTDOWN_SECONDS)
        await _end(self._call)

    async def _answer(self, within_seconds: float) -> Message | None:
        assert self._call is not None
        answer = asyncio.ensure_future(self._answers.get())
        await asyncio.wait(
            {answer, self._call}, timeout=within_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if answer.done():
            return answer.result()
        answer.cancel()
        return None if self._answers.empty() else self._answers.get_nowait()


def _reason(answer: Message, error: BaseException | None) -> str:
    what = "its lifespan start-up failed"
    if error is not None:
        return describe(error, what)
    return f"{what}\n\n{answer.get('message') or 'the app gave no reason'}"


def _headers(message: Message) -> list[tuple[str, str]]:
    return [
        (bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1"))
        for name, value in message.get("headers", ())
    ]


async def _lines(reader: BinaryIO) -> asyncio.StreamReader:
    """What is left of the requests, without keeping the event loop from the app's own tasks."""
    stream = asyncio.StreamReader(limit=MOST_LINE)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), reader)
    return stream


async def _end(call: asyncio.Future[Any]) -> None:
    """Cancel a call of the app; one that will not end is left to the process's own end."""
    call.cancel()
    await asyncio.wait({call}, timeout=1.0)


def _where(call: asyncio.Future[Any]) -> str:
    """In which line a call of the app stands that does not end."""
    if not isinstance(call, asyncio.Task):
        return ""
    where: list[str] = []
    waits: Any = call.get_coro()
    while waits is not None and len(where) < MOST_FRAMES:
        frame = _first(waits, "cr_frame", "ag_frame", "gi_frame")
        if frame is not None:
            code = frame.f_code
            where.append(f'File "{code.co_filename}", line {frame.f_lineno}, in {code.co_name}\n')
        waits = _first(waits, "cr_await", "ag_await", "gi_yieldfrom")
    return "".join(where)


def _first(found: Any, *names: str) -> Any:
    return next((getattr(found, name) for name in names if hasattr(found, name)), None)
