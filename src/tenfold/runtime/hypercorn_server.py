"""hypercorn's configuration and lifespan, for :mod:`.asgi_process`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Any, Final

from . import importing, probe, routes, servers
from .asgi import Asgi2, AsgiWrapper
from .forwarded import believer
from .hypercorn_connections import Connections, Entered
from .settings import RunSettings
from .uvicorn_server import not_started

# How long a start-up may take is for whoever waits for it to say.
STARTUP_SECONDS: Final = 86_400.0


class HypercornServer:
    """See :class:`.asgi_server.AsgiServer`. HTTP/1.1 only: TLS and HTTP/2 are the edge's."""

    def __init__(self, settings: RunSettings, wrapper: AsgiWrapper) -> None:
        servers.require("hypercorn")
        self._settings = settings
        self._wrapper = wrapper
        self._config = _configuration(settings)
        wrapper.believe = believer(settings.trusted)
        self._entered = Entered(wrapper)
        self._state: dict[str, Any] = {}
        self._wsgi: Any = None
        self._threads: Executor | None = None
        self._lifespan: Any = None
        self._living: asyncio.Task[None] | None = None

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """Python's own loop, as hypercorn takes by default."""
        return None

    async def start(self) -> None:
        """Import the app and run its lifespan start-up. Raises ``StartFailed``."""
        loop = asyncio.get_running_loop()
        self._wrapper.app = self._load(loop)
        make = servers.part("hypercorn.asyncio.lifespan").Lifespan
        lifespan = self._lifespan = make(self._entered, self._config, loop, self._state)
        self._living = loop.create_task(lifespan.handle_lifespan())
        await lifespan.wait_for_startup()
        if self._living.done() and self._living.exception() is not None:
            raise not_started(self._settings.entry, self._wrapper.start_error)

    def connections(self) -> Connections:
        """Made anew; to be called once."""
        return Connections(self._config, self._entered, self._state, self._settings.linger_seconds)

    async def tick(self) -> None:
        """Nothing to do: hypercorn looks at the clock for each answer."""

    async def stop(self) -> None:
        """Run the lifespan shutdown."""
        assert self._living is not None
        await self._lifespan.wait_for_shutdown()
        self._living.cancel()
        await asyncio.gather(self._living, return_exceptions=True)

    async def probe(self, path: str, host: str) -> dict[str, Any]:
        """Ask the app itself."""
        if self._wsgi is None:
            return await probe.ask_asgi(self._wrapper.app, path, host, self._state)
        loop = asyncio.get_running_loop()
        asking = loop.run_in_executor(self._threads, probe.ask_wsgi, self._wsgi, path, host)
        try:
            return await asyncio.wait_for(asking, probe.WITHIN_SECONDS)
        except TimeoutError:
            return probe.too_slow(path)

    def _load(self, loop: asyncio.AbstractEventLoop) -> Any:
        app = importing.load(self._settings.entry)
        kind = importing.interface(app)
        routes.watch_django(app)
        wanted = self._settings.interface
        if kind == "wsgi" and wanted != "asgi":
            self._wsgi = app
            self._threads = ThreadPoolExecutor(self._settings.threads or None)
            return _from_wsgi(app, self._settings.max_body_bytes, loop, self._threads)
        return Asgi2(app) if kind == "asgi2" else app


def _from_wsgi(
    app: Any, max_body_bytes: int, loop: asyncio.AbstractEventLoop, threads: Executor
) -> Any:
    """The WSGI app as an ASGI app, by hypercorn's own wrapper, in threads."""
    wrapper = servers.part("hypercorn.app_wrappers").WSGIWrapper

    def call_soon(function: Callable[..., Any], *arguments: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(function(*arguments), loop).result()

    spawn = partial(loop.run_in_executor, threads)

    async def call(scope: Any, receive: Any, send: Any) -> None:
        def noted(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
            def started(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
                scope["tenfold.route"] = routes.of_environ(environ)
                return start_response(status, headers, *error)

            return _Body(app(environ, started))

        async with _Exchange(receive, send) as exchange:
            wrapped = wrapper(noted, max_body_bytes)
            await wrapped(scope, exchange.receive, exchange.send, spawn, call_soon)

    return call


class _Exchange:
    """One request of a WSGI app: its thread is stopped at its next piece when nobody wants it."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._over = False
        self._leaving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> _Exchange:
        return self

    async def __aexit__(self, *error: object) -> None:
        self._over = True
        if self._leaving is not None:
            self._leaving.cancel()

    async def receive(self) -> Any:
        message = await self._receive()
        if not message.get("more_body"):
            self._leaving = asyncio.get_running_loop().create_task(self._left())
        return message

    async def send(self, message: Any) -> None:
        if self._over:
            raise OSError("nobody waits for this response any more")
        await self._send(message)

    async def _left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._over = True


class _Body:
    """A response body of at least one piece: without any, hypercorn forgets the status."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self._body = body
        self.close: Callable[[], Any] = getattr(body, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._body
        yield b""


def _configuration(settings: RunSettings) -> Any:
    base: Any = servers.part("hypercorn.config").Config

    class Configuration(base):  # type: ignore[misc]
        def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
            headers: list[tuple[bytes, bytes]] = super().response_headers(protocol)
            if settings.release:
                headers.append((b"tenfold-release", settings.release.encode()))
            return headers

    config = Configuration()
    config.include_server_header = False
    config.keep_alive_timeout = settings.keepalive_seconds
    config.keep_alive_max_requests = sys.maxsize
    config.startup_timeout = STARTUP_SECONDS
    config.wsgi_max_body_size = settings.max_body_bytes
    return config
