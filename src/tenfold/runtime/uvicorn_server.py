"""uvicorn's configuration and lifespan, for :mod:`.asgi_process`."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import Any

from . import importing, probe, routes, servers
from .asgi import Asgi2, AsgiWrapper
from .failures import StartFailed, describe
from .forwarded import believer
from .settings import RunSettings
from .uvicorn_connections import Connections


class UvicornServer:
    """See :class:`.asgi_server.AsgiServer`."""

    def __init__(self, settings: RunSettings, wrapper: AsgiWrapper) -> None:
        self._settings = settings
        self._wrapper = wrapper
        wrapper.believe = believer(settings.trusted)
        self._config = _configuration(settings, wrapper)
        self._server: Any = None

    def loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop] | None:
        """uvloop where it is installed."""
        if hasattr(self._config, "get_loop_factory"):
            factory: Callable[[], asyncio.AbstractEventLoop] | None = (
                self._config.get_loop_factory()
            )
            return factory
        self._config.setup_event_loop()  # uvicorn before 0.36 sets a policy instead
        return None

    async def start(self) -> None:
        """Import the app and run its lifespan start-up. Raises ``StartFailed``."""
        self._wrapper.app = self._load()
        config = self._config
        config.load()
        self._server = servers.require("uvicorn").Server(config)
        lifespan = self._server.lifespan = config.lifespan_class(config)
        await self._server.on_tick(0)
        await lifespan.startup()
        if lifespan.should_exit:
            raise not_started(self._settings.entry, self._wrapper.start_error)

    def connections(self) -> Connections:
        """Made anew; to be called once."""
        return Connections(self._config, self._server, self._settings.linger_seconds)

    async def tick(self) -> None:
        """Renew the date that answers carry."""
        await self._server.on_tick(0)

    async def stop(self) -> None:
        """Run the lifespan shutdown."""
        await self._server.lifespan.shutdown()

    async def probe(self, path: str, host: str) -> dict[str, Any]:
        """Ask the app itself."""
        return await probe.ask_asgi(self._wrapper.app, path, host, self._server.lifespan.state)

    def _load(self) -> Any:
        entry = self._settings.entry
        app = importing.load(entry)
        kind = importing.interface(app)
        if kind == "wsgi" and self._settings.interface != "asgi":
            raise StartFailed(f"{entry} is a WSGI app, and uvicorn serves ASGI apps: use gunicorn")
        routes.watch_django(app)
        return Asgi2(app) if kind == "asgi2" else app


def not_started(entry: str, error: BaseException | str | None) -> StartFailed:
    """The lifespan start-up failed, with this for a reason."""
    what = f"{entry} failed in its lifespan start-up"
    if isinstance(error, BaseException):
        return StartFailed(describe(error, what))
    return StartFailed(f"{what}\n\n{error}".rstrip())


def _configuration(settings: RunSettings, app: Any) -> Any:
    uvicorn = servers.require("uvicorn")
    log = copy.deepcopy(uvicorn.config.LOGGING_CONFIG)
    for handler in log["handlers"].values():
        handler["stream"] = "ext://sys.stdout"
    return uvicorn.Config(
        app,
        interface="asgi3",
        workers=1,
        log_config=log,
        use_colors=False,
        access_log=False,
        server_header=False,
        headers=[("Tenfold-Release", settings.release)] if settings.release else [],
        proxy_headers=False,  # the wrapper reads them
        timeout_keep_alive=settings.keepalive_seconds,
    )
