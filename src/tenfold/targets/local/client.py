"""One host's agent as its caller sees it: every method one order over the unix socket."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from tenfold import interrupts
from tenfold.agent.sockets import taken
from tenfold.agent.wire import ALIVE_EVERY_SECONDS, PROTOCOL, error_from_wire, from_wire, line
from tenfold.agent.wire import to_wire as wire
from tenfold.errors import PortTaken, TargetError
from tenfold.targets.local.directory import HostDirectory
from tenfold.targets.protocol import Finished, HostPaths, Progress
from tenfold.topology.observation import ObservedHost
from tenfold.topology.process import Command, File, Listen, UnitOrder

SILENCE_SECONDS = 4 * ALIVE_EVERY_SECONDS
AGAIN_WITHIN_SECONDS = 30.0
LEAVE_SECONDS = 120.0
_PAUSE_SECONDS = 0.05


class NotThere(TargetError):
    """The agent does not run, or does not yet answer."""


class BrokenOff(NotThere):
    """The connection ended before the answer came: the agent was killed, or leaves."""


class LocalAgent:
    """Implements :class:`tenfold.targets.protocol.HostAgent` for a host on this machine.

    An order whose connection breaks off is given again to the agent's successor: orders are
    idempotent. ``run`` is not, and fails then.

    Args:
        directory: the host; its name is the one that its caller knows.
        epoch: what every order carries; without one, orders are not checked against epochs.
    """

    def __init__(self, directory: HostDirectory, epoch: int | None = None) -> None:
        self._directory = directory
        self._epoch = epoch

    @property
    def paths(self) -> HostPaths:
        """Where things lie on this host."""
        return self._directory.paths

    @property
    def address(self) -> str:
        """The host's own loopback address."""
        return self._directory.address

    def hello(self, within_seconds: float = SILENCE_SECONDS) -> dict[str, Any]:
        """Protocol, version and pid of the agent.

        Raises:
            TargetError: it does not answer, or speaks another protocol than this Tenfold.
        """
        answer: dict[str, Any] = self._exchange({"order": "hello"}, None, within_seconds)
        if answer.get("protocol") != PROTOCOL:
            raise TargetError(
                f"the agent of {self._directory.name} was started by Tenfold {answer['version']} "
                f"and speaks protocol {answer.get('protocol')}, not {PROTOCOL}",
                next="stop it with the Tenfold that started it (tenfold down), then start it anew",
            )
        return answer

    def observe(self) -> ObservedHost:
        """See :class:`HostAgent`."""
        seen = from_wire(ObservedHost, self._order("observe"))
        return replace(seen, name=self._directory.name)

    def listen(self, listens: Sequence[Listen]) -> Mapping[str, str]:
        """See :class:`HostAgent`."""
        try:
            endpoints: dict[str, str] = self._order("listen", listens=wire(listens))
        except PortTaken as refusal:
            raise self._seen_from_here(refusal, listens) from refusal
        return endpoints

    def write(self, files: Sequence[File]) -> tuple[str, ...]:
        """See :class:`HostAgent`."""
        return tuple(self._order("write", files=wire(files)))

    def start(self, order: UnitOrder) -> None:
        """See :class:`HostAgent`."""
        self._order("start", unit=wire(order))

    def entrust(self, order: UnitOrder) -> None:
        """See :class:`HostAgent`."""
        self._order("entrust", unit=wire(order))

    def take_back(self, order: UnitOrder, server: str, within_seconds: float) -> None:
        """See :class:`HostAgent`."""
        self._order("take_back", unit=wire(order), server=server, within_seconds=within_seconds)

    def reload(self, name: str) -> None:
        """See :class:`HostAgent`."""
        self._order("reload", name=name)

    def stop(self, name: str, within_seconds: float | None = None) -> None:
        """See :class:`HostAgent`."""
        self._order("stop", name=name, within_seconds=within_seconds)

    def rest(
        self,
        name: str,
        within_seconds: float | None = None,
        *,
        kills: bool,
        lasts_seconds: float | None = None,
    ) -> str:
        """See :class:`HostAgent`."""
        told = self._order(
            "rest",
            name=name,
            within_seconds=within_seconds,
            kills=kills,
            lasts_seconds=lasts_seconds,
        )
        return str(told)

    def keep_resting(
        self, pool: str, within_seconds: float | None, *, anew: bool = False
    ) -> tuple[str, ...]:
        """See :class:`HostAgent`."""
        return tuple(
            self._order("keep_resting", pool=pool, within_seconds=within_seconds, anew=anew)
        )

    def wake(self, name: str) -> None:
        """See :class:`HostAgent`."""
        self._order("wake", name=name)

    def handover(self, pool: str, generation: int, progress: Progress | None = None) -> None:
        """See :class:`HostAgent`."""
        hear = {"progress": progress} if progress is not None else {}
        self._order("handover", hear, pool=pool, generation=generation)

    def settle(self, pool: str, within_seconds: float) -> None:
        """See :class:`HostAgent`."""
        self._order("settle", pool=pool, within_seconds=within_seconds)

    def hold(self, pool: str, within_seconds: float, lull_seconds: float = 0.0) -> float:
        """See :class:`HostAgent`."""
        told = self._order(
            "hold", pool=pool, within_seconds=within_seconds, lull_seconds=lull_seconds
        )
        return float(told)

    def drained(self, pool: str, within_seconds: float) -> None:
        """See :class:`HostAgent`."""
        self._order("drained", pool=pool, within_seconds=within_seconds)

    def release(self, pool: str) -> None:
        """See :class:`HostAgent`."""
        self._order("release", pool=pool)

    def refresh(self, pool: str, port: int) -> Mapping[str, int]:
        """See :class:`HostAgent`."""
        told: dict[str, int] = self._order("refresh", pool=pool, port=port)
        return told

    def longest_request(self, pool: str) -> float:
        """See :class:`HostAgent`."""
        return float(self._order("longest_request", pool=pool))

    def claim(self, epoch: int) -> None:
        """See :class:`HostAgent`."""
        self._order("claim", claimed=epoch)

    def run(self, command: Command, output: Callable[[str], None] | None = None) -> Finished:
        """See :class:`HostAgent`."""
        hear = {"output": output} if output is not None else {}
        request = {"order": "run", "command": wire(command)}
        return from_wire(Finished, self._exchange(request, hear, SILENCE_SECONDS))

    def metrics(self, pool: str) -> Mapping[str, Any]:
        """See :class:`HostAgent`."""
        found: dict[str, Any] = self._order("metrics", pool=pool)
        return found

    def shutdown(self) -> None:
        """See :class:`HostAgent`."""
        try:
            self._exchange({"order": "shutdown"}, None, SILENCE_SECONDS)
        except BrokenOff:
            # A successor finishes it, and may have left before it could be asked.
            with contextlib.suppress(NotThere):
                self._order("shutdown")
        wait_until_left(self._directory)

    def _seen_from_here(self, refusal: PortTaken, listens: Sequence[Listen]) -> PortTaken:
        """Root sees who holds a port where the agent, as another user, does not."""
        for listen in listens if os.geteuid() == 0 else ():
            seen = taken(listen)
            if refusal.what.startswith(f"port {listen.port} of {listen.address} "):
                return seen
        return refusal

    def _order(
        self, order: str, hear: Mapping[str, Callable[[str], None]] | None = None, **arguments: Any
    ) -> Any:
        request = {"order": order, **arguments}
        deadline = time.monotonic() + AGAIN_WITHIN_SECONDS
        while True:
            try:
                return self._exchange(request, hear, SILENCE_SECONDS)
            except BrokenOff:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_SECONDS)

    def _exchange(
        self,
        request: Mapping[str, Any],
        hear: Mapping[str, Callable[[str], None]] | None,
        silence_seconds: float,
    ) -> Any:
        name = self._directory.name
        if self._epoch is not None:
            request = {**request, "epoch": self._epoch}
        with self._connect() as connection, interrupts.breakable(connection):
            connection.settimeout(silence_seconds)
            try:
                connection.sendall(line(request))
                with connection.makefile("rb") as answers:
                    for answer in answers:
                        message = json.loads(answer)
                        if "ok" in message:
                            return message["ok"]
                        if "error" in message:
                            raise error_from_wire(message["error"])
                        for kind, listener in (hear or {}).items():
                            if kind in message:
                                listener(message[kind])
            except TimeoutError as fault:
                raise NotThere(
                    f"the agent of {name} has said nothing for {silence_seconds:g} s",
                    next=f"look at {self._directory.agent_log}",
                ) from fault
            except ConnectionError as fault:
                raise BrokenOff(f"the agent of {name} broke off: {fault.strerror}") from fault
            raise BrokenOff(f"the agent of {name} broke off while it worked at {request['order']}")

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._directory.socket))
        except OSError as fault:
            connection.close()
            raise NotThere(
                f"the agent of {self._directory.name} does not run ({fault.strerror})",
                next="tenfold up starts it",
            ) from fault
        return connection


def wait_until_left(place: HostDirectory) -> None:
    """Keeper and agent hold the lock until the last of them is gone."""
    deadline = time.monotonic() + LEAVE_SECONDS
    while not has_left(place):
        if time.monotonic() >= deadline:
            raise TargetError(f"waited {LEAVE_SECONDS:g} s for the agent of {place.name} to end")
        time.sleep(_PAUSE_SECONDS)


def has_left(place: HostDirectory) -> bool:
    """Whether neither keeper nor agent is there."""
    if not place.lock.exists():
        return True
    with place.lock.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
