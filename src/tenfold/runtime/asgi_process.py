"""Runs an app under an asyncio server of its own environment: warm first, accepting on order.

Uses the server's configuration, lifespan and protocol classes (:mod:`.asgi_server`); the listening
and the leaving are done here (see docs/explanation/wrapper.md for the reasons and the figures).
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from ..wiring import control
from . import metrics, probe, refreshing
from .asgi import AsgiWrapper
from .asgi_server import AsgiServer, Connections
from .failures import Interrupted
from .listener import Listener
from .settings import RunSettings
from .state import Counts, ProcessState

MakeServer = Callable[[RunSettings, AsgiWrapper], AsgiServer]

TICK_SECONDS: Final = 0.1
CLOSING_TICK_SECONDS: Final = 0.02
DATE_SECONDS: Final = 1.0
STATUS_SECONDS: Final = 0.2
ORDER_SECONDS: Final = 10.0
RESTART: Final = 1012


class AsgiProcess:
    """One worker: one process, one event loop."""

    def __init__(
        self,
        settings: RunSettings,
        state: ProcessState,
        fd: int,
        make_server: MakeServer,
        may_close: Callable[[Any], bool],
        complain: Callable[[Exception], None] | None = None,
    ) -> None:
        self.settings = settings
        self.state = state
        self._fd = fd
        self._make_server = make_server
        self._metrics = metrics.Routes()
        self._wrapper = AsgiWrapper(state, self._metrics, may_close, complain)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._deadline: float | None = None
        self._ending = False
        self.was_cut_off = False
        self._server: AsgiServer | None = None
        self._listener: Listener | None = None
        self._connections: Connections | None = None

    def run(self) -> int:
        """Serve until told to leave; 0 is the exit code.

        Raises:
            StartFailed: the server is missing, or the app cannot be imported or started.
        """
        server = self._server = self._make_server(self.settings, self._wrapper)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
            return runner.run(self._serve(server))

    def order(self, message: dict[str, Any]) -> dict[str, Any]:
        """Answer one order; called in threads of the control socket."""
        name = message.get("order")
        if name == control.STATUS:
            return self._status()
        if name == control.METRICS:
            return metrics.answer([self._metrics.snapshot()])
        orders: dict[Any, Callable[[dict[str, Any]], Any]] = {
            control.PROBE: self._probe,
            control.ACCEPT: self._accept,
            control.SETTLE: self._settle,
            control.HOLD: self._hold,
            control.QUIESCE: self._quiesce,
            control.CLOSE: self._close,
            control.REFRESH: refreshing.in_loop,
        }
        if name not in orders:
            return {"ok": False, "error": f"unknown order {name!r}"}
        if self._connections is None or self.state.name == control.FAILED:
            return {"ok": False, "error": f"the app is {self.state.name}"}
        answer = self._in_loop(orders[name], message, ORDER_SECONDS + probe.WITHIN_SECONDS)
        return answer or {"ok": False, "error": "the event loop is blocked by the app"}

    def _in_loop(
        self,
        act: Callable[[dict[str, Any]], Any],
        message: dict[str, Any],
        within_seconds: float,
    ) -> dict[str, Any] | None:
        """The answer of ``act``, called in the event loop; nothing if it is blocked for so long."""

        async def acting() -> dict[str, Any]:
            answer: dict[str, Any] = await act(message)
            return answer

        assert self._loop is not None
        future = asyncio.run_coroutine_threadsafe(acting(), self._loop)
        try:
            return future.result(within_seconds)
        except concurrent.futures.TimeoutError:
            future.cancel()
            return None

    def _status(self) -> dict[str, Any]:
        """What others build upon while it is held is counted between two callbacks of the loop.

        A thread might look just when a connection is on its way from one set to another. In a loop
        that the app blocks nothing is.
        """
        status = self._described()
        if status["state"] != control.HOLDING:
            return status
        return self._in_loop(self._counted, {}, STATUS_SECONDS) or self._described()

    async def _counted(self, message: dict[str, Any]) -> dict[str, Any]:
        return self._described()

    def _described(self) -> dict[str, Any]:
        return self.state.describe(self._counts())

    def _counts(self) -> Counts:
        if self._connections is None or self._listener is None:
            return Counts()
        # Pending first: one that moves meanwhile is counted twice, not left out.
        pending = len(self._listener.pending)
        return Counts(
            connections=pending + self._connections.count(),
            idle=self._connections.idle(),
            active=self.state.active,
            oldest_seconds=self.state.oldest_seconds(),
            websockets=self.state.websockets,
            tasks=self._connections.tasks(),
            requests=self._metrics.total(),
        )

    async def _serve(self, server: AsgiServer) -> int:
        self._loop = asyncio.get_running_loop()
        await server.start()
        self._connections = server.connections()
        self._listener = Listener(self._fd, self._connections.protocol)
        self.state.name = control.WARM
        await self._until_left(server, self._connections)
        await server.stop()
        return 0

    async def _until_left(self, server: AsgiServer, connections: Connections) -> None:
        assert self._loop is not None
        dated = self._loop.time()
        while not (self.state.leaving and self._gone(connections)):
            await asyncio.sleep(CLOSING_TICK_SECONDS if self.state.closing else TICK_SECONDS)
            now = self._loop.time()
            if now - dated >= DATE_SECONDS:
                dated = now
                await server.tick()
            if self._stopping.is_set() and self._deadline is None:
                self._leave_by_signal(now)
            if self.state.closing:
                connections.close_idle()
            if self._ending:
                self._close_endless()
            if self._deadline is not None and now > self._deadline:
                connections.abort()
                self.was_cut_off = True
                return

    def _gone(self, connections: Connections) -> bool:
        accepting = self._listener is not None and bool(self._listener.pending)
        return connections.gone() and not accepting

    def _on_signal(self, number: int, frame: object) -> None:
        self._stopping.set()
        if self.state.name == control.IMPORTING:
            raise Interrupted(0)

    def _leave_by_signal(self, now: float) -> None:
        self._deadline = now + self.settings.signal_seconds(leaving=self.state.leaving)
        self._leave()
        self._ending = True
        self._close_endless()

    def _leave(self) -> None:
        self.state.leaving = self.state.closing = True
        self.state.settled = False
        self.state.shut(gate=False)
        self.state.name = control.QUIESCING
        if self._listener is not None:
            self._listener.stop()

    def _close_endless(self) -> None:
        assert self._connections is not None
        self._connections.close_websockets()
        self._wrapper.end_streams(self._connections.task_of)

    async def _probe(self, message: dict[str, Any]) -> dict[str, Any]:
        path, host = str(message.get("path", "/")), str(message.get("host", "localhost"))
        assert self._server is not None
        return await self._server.probe(path, host)

    async def _accept(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._listener is not None
        assert self._connections is not None
        if self.state.name not in (control.WARM, control.HOLDING, control.ACCEPTING):
            return self._refusal()
        self.state.closing = self.state.settled = self._ending = False
        self.state.shut(gate=False)
        self._connections.keep_idle()
        if self.state.name != control.ACCEPTING:
            self._listener.start()
            self.state.name = control.ACCEPTING
        return {"ok": True}

    async def _settle(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.state.name != control.ACCEPTING:
            return self._refusal()
        self.state.closing = self.state.settled = True
        return {"ok": True}

    async def _hold(self, message: dict[str, Any]) -> dict[str, Any]:
        assert self._listener is not None
        if self.state.name not in (control.ACCEPTING, control.HOLDING):
            return self._refusal()
        self._listener.pause()
        self.state.shut(gate=bool(message.get("gate")))
        self.state.closing = True
        self.state.settled = False
        self.state.name = control.HOLDING
        return {"ok": True}

    def _refusal(self) -> dict[str, Any]:
        return {"ok": False, "error": f"it is {self.state.name}"}

    async def _quiesce(self, message: dict[str, Any]) -> dict[str, Any]:
        if not self.state.leaving:
            self._leave()
        return {"ok": True}

    async def _close(self, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("code", RESTART) != RESTART:
            return {"ok": False, "error": f"WebSockets are closed with {RESTART} only"}
        # Those that begin later, too, unless it goes on as before.
        self._ending = self.state.name != control.ACCEPTING
        self._close_endless()
        return {"ok": True}
