"""Runs any program that serves HTTP: it listens on a port of its own, behind a :mod:`.door`.

The program knows nothing of Tenfold. Whether requests reach it is the door's matter, so holds and
handovers are the same as for a server with an adapter of its own.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from ..wiring import control
from . import metrics, refreshing
from .door import Door, Frame
from .failures import StartFailed
from .gauge import Gauge
from .instance import Instance, session
from .long_lived import LongLived
from .probe import WITHIN_SECONDS, too_slow
from .settings import RunSettings
from .state import Counts, ProcessState

TICK_SECONDS: Final = 0.02
ORDER_SECONDS: Final = 12.0
END_SECONDS: Final = 10.0
SHORT_END_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.1
FRESH_SECONDS: Final = 0.01
BEFORE_THE_OTHERS_SECONDS: Final = 1.0
RESTART_SECONDS: Final = 1.0
RESTART_CODE: Final = 1012
_READY: Final = (control.WARM, control.HOLDING, control.ACCEPTING)


class CommandProcess:
    """One command, as often as it shall run, and the door in front."""

    def __init__(self, settings: RunSettings, state: ProcessState, fd: int) -> None:
        self.settings = settings
        self.state = state
        self._base = settings.control.removesuffix(".sock")
        self._fd = fd
        self._loop: asyncio.AbstractEventLoop | None = None
        self._instances = [
            Instance(settings.command, settings.listeners) for _ in range(max(1, settings.workers))
        ]
        self._turn = 0
        self._long = LongLived(f"{self._base}.l", self._next_address)
        self._doors: list[Door] = []
        self._opened = 0
        self._gauge = Gauge()
        self._stopping = asyncio.Event()
        self._deadline: float | None = None
        self._broken: str | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self) -> int:
        """Serve until told to leave; gives the exit code.

        Raises:
            StartFailed: the command cannot be executed, or does not listen.
        """
        return asyncio.run(self._serve())

    def order(self, message: dict[str, Any]) -> dict[str, Any]:
        """Answer one order; called in threads of the control socket."""
        name = message.get("order")
        orders: dict[Any, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            control.STATUS: self._status,
            control.METRICS: self._metrics,
            control.PROBE: self._probe,
            control.ACCEPT: self._accept,
            control.SETTLE: self._settle,
            control.HOLD: self._hold,
            control.QUIESCE: self._quiesce,
            control.CLOSE: self._close,
            control.REFRESH: self._refresh,
        }
        if name not in orders:
            return {"ok": False, "error": f"unknown order {name!r}"}
        if self._loop is None or not self._loop.is_running():
            return self.state.describe(Counts()) if name == control.STATUS else self._refusal()
        if name not in (control.STATUS, control.METRICS) and self.state.name not in (
            *_READY,
            control.QUIESCING,
        ):
            return self._refusal()
        future = asyncio.run_coroutine_threadsafe(_answer(orders[name](message)), self._loop)
        try:
            return future.result(ORDER_SECONDS)
        except concurrent.futures.TimeoutError:
            future.cancel()
            return {"ok": False, "error": f"{name} was not done within {ORDER_SECONDS:g} s"}

    async def _refresh(self, message: dict[str, Any]) -> dict[str, Any]:
        """Nobody inside can be told; whether somebody would have to be, the kernel knows."""
        return refreshing.seen_from_outside(message, session())

    # Its life

    async def _serve(self) -> int:
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._stopping.set)
        try:
            if not await self._warmed():
                await self._end_instances(SHORT_END_SECONDS)
                return 0
            self.state.name = control.WARM
            await self._until_left()
        except StartFailed:
            await self._end_instances(SHORT_END_SECONDS)
            raise
        finally:
            await self._drop_doors()
            self._long.close()
            self._clear()
        if self._broken is not None:
            _say(self._broken)
            return 1
        late = self._deadline is not None and self._loop.time() > self._deadline
        in_time = min(END_SECONDS, self.settings.drain_seconds)
        ended = await self._end_instances(SHORT_END_SECONDS if late else in_time)
        return 0 if ended or late else control.KILLED_EXIT_CODE

    async def _warmed(self) -> bool:
        """Whether every instance listens; not if a signal came before. Raises ``StartFailed``."""
        self._clear()
        await self._long.open()
        for instance in self._instances:
            await instance.start()
        stopped = asyncio.ensure_future(self._stopping.wait())
        ready = asyncio.gather(*(instance.ready() for instance in self._instances))
        bound = max(self.settings.ready_seconds - BEFORE_THE_OTHERS_SECONDS, 0.5)
        try:
            await asyncio.wait((stopped, ready), timeout=bound, return_when="FIRST_COMPLETED")
            if stopped.done():
                return False
            if not ready.done():
                raise StartFailed(self._instances[0].why_not_ready())
            ready.result()
        finally:
            for waiting in (stopped, ready):
                waiting.cancel()
            await asyncio.gather(stopped, ready, return_exceptions=True)
        for instance in self._instances:
            self._spawn(self._watch(instance))
        if self._instances[0].listens_everywhere():
            _say("the command listens on every address of this machine; give it --host $HOST")
        return True

    def _clear(self) -> None:
        """Remove what this process, or one that was killed, has put beside the control socket."""
        with contextlib.suppress(FileNotFoundError):
            Path(self._long.path).unlink()
        base = Path(self._base)
        for folder in base.parent.glob(f"{base.name}.[0-9]*"):
            shutil.rmtree(folder, ignore_errors=True)

    async def _until_left(self) -> None:
        assert self._loop is not None
        while not (self.state.leaving and self._all_gone()):
            await asyncio.sleep(TICK_SECONDS)
            self._gauge.look(self._doors, self._fd, every_seconds=LOOK_SECONDS)
            if self._broken is not None:
                return
            if self._stopping.is_set() and self._deadline is None:
                seconds = self.settings.signal_seconds(leaving=self.state.leaving)
                self._deadline = self._loop.time() + seconds
                self._leave()
                self._long.end_all(also_later=True)
            if self._deadline is not None and self._loop.time() > self._deadline:
                return

    async def _watch(self, instance: Instance) -> None:
        """Start one of several again when it ends; the only one takes all with it."""
        while True:
            await instance.ended()
            if self.state.leaving or self._broken is not None:
                return
            _say(await instance.why_ended())
            if all(i.code is not None for i in self._instances):
                self._broken = "the command has ended, so its door is shut"
                return
            await asyncio.sleep(RESTART_SECONDS)
            try:
                await instance.start()
            except StartFailed as failure:
                self._broken = str(failure)
                return

    def _leave(self) -> None:
        self.state.leaving = self.state.closing = True
        self.state.settled = False
        self.state.name = control.QUIESCING
        self._shut()

    def _shut(self) -> None:
        for door in self._doors:
            if not door.is_shut:
                door.shut()

    def _all_gone(self) -> bool:
        return all(door.is_gone for door in self._doors)

    async def _drop_doors(self) -> None:
        for door in self._doors:
            if not door.is_gone:
                door.cut()
        await asyncio.gather(*(door.gone() for door in self._doors))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _end_instances(self, within_seconds: float) -> bool:
        """Whether all ended by SIGTERM."""
        ends = (instance.end(within_seconds) for instance in self._instances)
        if all(await asyncio.gather(*ends)):
            return True
        _say(f"the command did not end within {within_seconds:g} s of SIGTERM: it was killed")
        return False

    # Orders

    async def _status(self, message: dict[str, Any]) -> dict[str, Any]:
        return self.state.describe(self._counts())

    def _counts(self) -> Counts:
        self._gauge.look(self._doors, self._fd, every_seconds=FRESH_SECONDS)
        open_doors = any(not door.is_gone for door in self._doors)
        shut = self.state.name in (control.HOLDING, control.QUIESCING)
        # Until a door is gone it may have, or be about to accept, one more.
        connections = max(self._gauge.connections, 1 if shut and open_doors else 0)
        endless = self._long.peers()
        return Counts(
            connections=connections,
            active=max(0, self._gauge.connections - self._long.websockets()),
            oldest_seconds=self._gauge.oldest_seconds(endless),
            websockets=self._long.websockets(),
        )

    async def _metrics(self, message: dict[str, Any]) -> dict[str, Any]:
        return metrics.answer([])

    async def _probe(self, message: dict[str, Any]) -> dict[str, Any]:
        """Ask every instance; the first bad answer, or that of the last."""
        path, host = str(message.get("path", "/")), str(message.get("host", "localhost"))
        answer: dict[str, Any] = {}
        for instance in self._instances:
            began = perf_counter()
            try:
                status, body = await instance.get(path, host, WITHIN_SECONDS)
            except TimeoutError:
                return too_slow(path)
            except OSError as error:
                return {"ok": False, "error": f"GET {path}: {error.strerror or error}"}
            answer = {
                "ok": True,
                "status": status,
                "seconds": round(perf_counter() - began, 6),
                "body": body.decode("utf-8", "replace"),
            }
            if status >= 400:
                break
        return answer

    async def _accept(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.state.name not in _READY:
            return self._refusal()
        self.state.settled = False
        self._long.go_on()
        if self.state.name != control.ACCEPTING:
            door = Door(self._frame(), self._opened)
            self._opened += 1
            self._doors.append(door)
            await door.open()
            self._spawn(self._see_off(door))
            self.state.name = control.ACCEPTING
        return {"ok": True}

    async def _settle(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.state.name != control.ACCEPTING:
            return self._refusal()
        self.state.settled = True  # No answer keeps its connection anyway.
        return {"ok": True}

    async def _hold(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.state.name not in (control.ACCEPTING, control.HOLDING):
            return self._refusal()
        self._shut()
        self.state.settled = False
        self.state.name = control.HOLDING
        return {"ok": True}

    async def _quiesce(self, message: dict[str, Any]) -> dict[str, Any]:
        if not self.state.leaving:
            self._leave()
        return {"ok": True}

    async def _close(self, message: dict[str, Any]) -> dict[str, Any]:
        if message.get("code", RESTART_CODE) != RESTART_CODE:
            return {"ok": False, "error": f"WebSockets are closed with {RESTART_CODE} only"}
        self._long.end_all(also_later=self.state.name != control.ACCEPTING)
        return {"ok": True}

    def _refusal(self) -> dict[str, Any]:
        return {"ok": False, "error": f"it is {self.state.name}"}

    # Its parts

    def _frame(self) -> Frame:
        many = len(self._instances) > 1
        fails = "max_fails=1 fail_timeout=1s" if many else "max_fails=0"
        servers = [f"server {host}:{port} {fails};" for host, port in self._addresses()]
        return Frame(
            nginx=self.settings.nginx,
            text=Path(self.settings.door).read_text("utf-8"),
            folder=self._base,
            fd=self._fd,
            values={
                "INSTANCES": "\n        ".join(servers),
                "LONG_LIVED": self._long.path,
                "RELEASE": self.settings.release,
            },
        )

    def _addresses(self) -> list[tuple[str, int]]:
        return [instance.address for instance in self._instances]

    def _next_address(self) -> tuple[str, int]:
        alive = [i.address for i in self._instances if i.code is None] or self._addresses()
        self._turn += 1
        return alive[self._turn % len(alive)]

    async def _see_off(self, door: Door) -> None:
        """Forget a door when it is gone; one that ends by itself is as bad as a crash."""
        await door.gone()
        if not door.is_shut:
            self._broken = "nginx, which accepted for the app, has ended"
            return
        self._doors.remove(door)

    def _spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _answer(answering: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    try:
        return await answering
    except StartFailed as failure:
        return {"ok": False, "error": str(failure)}


def _say(text: str) -> None:
    print(f"tenfold: {text}", file=sys.stderr, flush=True)  # noqa: T201
