"""A master and its forked workers as one process: one state, one control socket, one exit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from math import inf
from typing import Any, Final

from ..wiring import control
from . import metrics, probe, refreshing
from .board import ACCEPT, HOLD, IMPORT, LEAVE, Board, Row, order_of
from .channel import Channel
from .control_socket import ControlSocket
from .gunicorn_workers import WAKE
from .settings import RunSettings
from .state import Counts, ProcessState, seconds_since

METRICS_SECONDS: Final = 2.0
REFRESH_SECONDS: Final = refreshing.WITHIN_SECONDS
# A worker that ends is replaced before all of its predecessors need be gone.
SPARE_ROWS: Final = 8
STATES: Final = {ACCEPT: control.ACCEPTING, HOLD: control.HOLDING, LEAVE: control.QUIESCING}


class Group:
    """What the master knows of its workers, and the answers to orders.

    Orders are answered in threads of the control socket; those threads read the board and write its
    order, one at a time, and talk to workers through their channels.
    """

    def __init__(self, settings: RunSettings, state: ProcessState) -> None:
        self.settings = settings
        self.process = state
        self.board = Board(settings.workers + SPARE_ROWS)
        self.socket = ControlSocket(settings.control, self.order, state.note_answered)
        self._channels: dict[int, Channel] = {}
        self._taken: Callable[[], set[int]] = set
        # Never taken in a worker, so a fork may pass it in any state.
        self._ordering = threading.Lock()

    def watch(self, taken: Callable[[], set[int]]) -> None:
        """``taken`` tells which rows belong to workers that live."""
        self._taken = taken

    def place(self) -> tuple[int, Channel]:
        """A row and a channel for the next worker; called in the master before the fork."""
        taken = self._taken()
        number = next(n for n in range(self.board.rows) if n not in taken)
        if number in self._channels:
            self._channels[number].close()
        self.board.row(number).clear()
        channel = self._channels[number] = Channel()
        return number, channel

    def in_worker(self, mine: Channel) -> None:
        """After the fork, in the worker: give up what is the master's."""
        self.socket.disown()
        for channel in self._channels.values():
            if channel is not mine:
                channel.disown()

    def serves(self) -> bool:
        """Whether the order to accept has come, at some time."""
        return self.board.order != IMPORT

    def leave(self) -> None:
        """SIGTERM: no more connections, no endless responses; workers end by themselves."""
        with self._ordering:
            self._leave()
            self._close()
        self._wake()

    def state(self) -> str:
        """The state of the whole group."""
        return self._state_of(self.board.order)

    def _state_of(self, order: int) -> str:
        if self.process.error is not None:
            return control.FAILED
        booted = self.board.total(Row.BOOTED) >= self.settings.workers
        return STATES.get(order, control.WARM if booted else control.IMPORTING)

    def order(self, message: dict[str, Any]) -> dict[str, Any]:
        """Answer one order."""
        name = message.get("order")
        if name == control.STATUS:
            return self._status()
        if name == control.METRICS:
            return metrics.answer([a["routes"] for a in self._ask_all(message)])
        state = self.state()
        if state in (control.IMPORTING, control.FAILED):
            return {"ok": False, "error": f"the app is {state}"}
        if name == control.PROBE:
            return self._probe(message)
        if name == control.REFRESH:
            answers = self._ask_all(message, REFRESH_SECONDS)
            booted = sum(self.board.row(number).cells[Row.BOOTED] for number in self._taken())
            return refreshing.total(answers, asked=booted)
        gate = bool(message.get("gate"))
        orders: dict[Any, Callable[[], bool]] = {
            control.ACCEPT: self._accept,
            control.SETTLE: self._settle,
            control.HOLD: lambda: self._hold(gate=gate),
            control.QUIESCE: self._leave,
            control.CLOSE: self._close,
        }
        if name not in orders:
            return {"ok": False, "error": f"unknown order {name!r}"}
        with self._ordering:
            done = orders[name]()
        self._wake()
        return {"ok": True} if done else {"ok": False, "error": f"it is {self.state()}"}

    def _status(self) -> dict[str, Any]:
        # Counts belong to one order, which is looked at once; other threads may be asked as well.
        serial, closing, taken = self.board.serial, self.board.closing, self._taken()
        return {
            **self.process.describe(self._counts(taken, serial)),
            "state": self._state_of(order_of(serial)),
            "settled": closing and order_of(serial) == ACCEPT,
            "workers": len(taken),
        }

    def _counts(self, taken: set[int], serial: int) -> Counts:
        """Over the workers that live."""
        rows = [self.board.row(number).cells for number in taken]
        began = [cells[Row.OLDEST] / 1e6 for cells in rows if cells[Row.OLDEST]]
        return Counts(
            connections=sum(_connections(cells, serial) for cells in rows),
            idle=sum(cells[Row.IDLE] for cells in rows),
            active=sum(cells[Row.ACTIVE] for cells in rows),
            oldest_seconds=seconds_since(min(began, default=inf)),
            requests=self.board.total(Row.REQUESTS),
        )

    def _accept(self) -> bool:
        if self.board.order == LEAVE:
            return False
        self.board.closing = self.board.ending = self.board.gated = False
        self.board.order = ACCEPT
        return True

    def _settle(self) -> bool:
        if self.board.order != ACCEPT:
            return False
        self.board.closing = True
        return True

    def _hold(self, *, gate: bool) -> bool:
        if self.board.order not in (ACCEPT, HOLD):
            return False
        self.board.closing, self.board.gated = True, gate
        self.board.order = HOLD
        return True

    def _leave(self) -> bool:
        self.process.leaving = self.board.closing = True
        self.board.gated = False
        self.board.order = LEAVE
        return True

    def _close(self) -> bool:
        """Endless responses end with their next piece.

        So do those that begin later, unless the group goes on as before.
        """
        self.board.closes += 1
        self.board.ending = self.board.order != ACCEPT
        return True

    def _probe(self, message: dict[str, Any]) -> dict[str, Any]:
        """Asked of the worker with the least to do."""
        rows = {n: self.board.row(n).cells for n in self._taken()}
        booted = [n for n, cells in rows.items() if cells[Row.BOOTED]]
        if not booted:
            return {"ok": False, "error": "no worker is ready"}
        number = min(booted, key=lambda n: rows[n][Row.ACTIVE])
        try:
            return self._channels[number].ask(message, probe.WITHIN_SECONDS + 1)
        except TimeoutError:
            return probe.too_slow(str(message.get("path", "/")))

    def _ask_all(
        self, message: dict[str, Any], within_seconds: float = METRICS_SECONDS
    ) -> list[dict[str, Any]]:
        answers = []
        for number in self._taken():
            if self.board.row(number).cells[Row.BOOTED]:
                try:
                    answers.append(self._channels[number].ask(message, within_seconds))
                except OSError:  # gone or too busy: its part is missing this time
                    continue
        return answers

    def _wake(self) -> None:
        for number in self._taken():
            self._channels[number].tell(WAKE)


def _connections(cells: memoryview[int], serial: int) -> int:
    """Of one worker. One that does not obey a hold yet may be about to accept: it counts as one.

    What it obeys is read first: of a worker that does not accept the other numbers only fall.
    """
    obeys = order_of(serial) != HOLD or cells[Row.OBEYED] == serial or not cells[Row.BOOTED]
    return max(cells[Row.CONNECTIONS], cells[Row.ACTIVE], 0 if obeys else 1)
