"""A master and its forked workers as one process: one state, one control socket, one exit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..wiring import control
from . import metrics, probe
from .board import ACCEPT, IMPORT, LEAVE, Board, Row
from .channel import Channel
from .control_socket import ControlSocket
from .gunicorn_workers import WAKE
from .settings import RunSettings
from .state import ProcessState

METRICS_SECONDS: Final = 2.0
# A worker that ends is replaced before all of its predecessors need be gone.
SPARE_ROWS: Final = 8


class Group:
    """What the master knows of its workers, and the answers to orders.

    Orders are answered in threads of the control socket; those threads read the board and write its
    order, and talk to workers through their channels.
    """

    def __init__(self, settings: RunSettings, state: ProcessState) -> None:
        self.settings = settings
        self.process = state
        self.board = Board(settings.workers + SPARE_ROWS)
        self.socket = ControlSocket(settings.control, self.order, state.note_answered)
        self._channels: dict[int, Channel] = {}
        self._taken: Callable[[], set[int]] = set

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
        """Take no more connections; workers end by themselves."""
        self.board.order = LEAVE
        self.process.leaving = True
        self._wake()

    def end_streams(self) -> None:
        """Let endless responses end with their next piece."""
        self.board.ending = True
        self._wake()

    def state(self) -> str:
        """The state of the whole group."""
        if self.process.error is not None:
            return control.FAILED
        if self.board.order == LEAVE:
            return control.QUIESCING
        if self.board.order == ACCEPT:
            return control.ACCEPTING
        booted = self.board.total(Row.BOOTED) >= self.settings.workers
        return control.WARM if booted else control.IMPORTING

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
        if name == control.ACCEPT:
            return self._accept(state)
        if name == control.QUIESCE:
            self.leave()
        elif name == control.CLOSE:
            self.end_streams()
        else:
            return {"ok": False, "error": f"unknown order {name!r}"}
        return {"ok": True}

    def _status(self) -> dict[str, Any]:
        self.process.name = self.state()
        self.process.active = self.board.total(Row.ACTIVE)
        connections = max(self.board.total(Row.CONNECTIONS), self.process.active)
        return {
            **self.process.describe(connections, self.board.total(Row.REQUESTS)),
            "workers": len(self._taken()),
        }

    def _accept(self, state: str) -> dict[str, Any]:
        if state == control.QUIESCING:
            return {"ok": False, "error": f"it is {state}"}
        self.board.order = ACCEPT
        self._wake()
        return {"ok": True}

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

    def _ask_all(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        answers = []
        for number in self._taken():
            if self.board.row(number).cells[Row.BOOTED]:
                try:
                    answers.append(self._channels[number].ask(message, METRICS_SECONDS))
                except OSError:  # gone or too busy: its part is missing this time
                    continue
        return answers

    def _wake(self) -> None:
        for number in self._taken():
            self._channels[number].tell(WAKE)
