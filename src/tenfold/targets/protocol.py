"""What a target offers, whether its hosts are directories on a laptop or machines far away.

Orders are idempotent: giving one twice is the same as giving it once. Every order that waits has a
bound, and fails with what it waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tenfold.secret import Secret
from tenfold.topology.model import Host
from tenfold.topology.observation import ObservedHost
from tenfold.topology.process import Command, File, Listen, UnitOrder

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class HostPaths:
    """Where a host is and where things lie on it; absolute. ``run`` fits unix sockets.

    ``kernel`` names whoever can tell for certain which processes of the host live: hosts with the
    same one can tell it of each other, so that one that died as a whole is *known* to be dead.
    Empty: nobody can, and such a host is only not heard.
    """

    root: str
    run: str
    logs: str
    address: str = "127.0.0.1"
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended; ``tail`` holds the last lines that it printed."""

    code: int
    tail: str


class HostAgent(Protocol):
    """One host's agent. Every method may raise ``TargetError`` when the agent is out of reach.

    One that carries an epoch (:meth:`Target.with_epoch`) raises ``StepFailed`` from every method
    that changes something once a higher epoch was claimed.
    """

    @property
    def paths(self) -> HostPaths:
        """Where things lie on this host."""

    def observe(self) -> ObservedHost:
        """Units, sockets and the agent itself, as they are now."""

    def listen(self, listens: Sequence[Listen]) -> Mapping[str, str]:
        """Own these listening sockets; gives ``name -> address:port``. Raises ``PortTaken``."""

    def write(self, files: Sequence[File]) -> tuple[str, ...]:
        """Make files have this content, each atomically; gives the paths that changed."""

    def start(self, order: UnitOrder) -> None:
        """Make the unit run with this launch and be ready; a changed launch restarts it, and so
        does a process that it is to run ``instead_of``.

        Raises ``UnitFailed`` with the failing probe, its answer and the unit's last log lines.
        """

    def entrust(self, order: UnitOrder) -> None:
        """Make the unit run with this launch, whose process looks after the server that is the
        unit now: that runs on, and is not ended with its new keeper.

        Whoever is killed meanwhile, one of both has it. Raises ``UnitFailed`` when the new process
        does not come up; the server runs on, and :meth:`take_back` goes back.
        """

    def take_back(self, order: UnitOrder, server: str, within_seconds: float) -> None:
        """The way back from :meth:`entrust`: the unit's process is told (``SIGUSR1``) to leave the
        server running, and that is the unit then, as if it had been started with this launch.

        ``server`` is the file whose first line is its pid. Raises ``StepFailed`` when the process
        does not leave in time: then it goes on.
        """

    def reload(self, name: str) -> None:
        """Have a unit reread its files without failing a request."""

    def stop(self, name: str, within_seconds: float | None = None) -> None:
        """End a unit in order and forget it; fine if there is none. It is gone when this returns.

        ``within_seconds`` is a bound before it is killed that may be shorter than the unit's own.
        """

    def rest(
        self,
        name: str,
        within_seconds: float | None = None,
        *,
        kills: bool,
        lasts_seconds: float | None = None,
    ) -> str:
        """Have a background unit finish its jobs and end, and not run again until it is woken.

        It gets its signal once, however often this is ordered; neither a crash nor another agent
        has it run meanwhile. Returns when it is gone, with how that went in words. When it takes
        longer than ``within_seconds``, by default its own bound, it is killed, where ``kills`` says
        so.

        With ``lasts_seconds`` the rest has a bound: if nobody says :meth:`keep_resting` for so
        long, the agent has the unit work again by itself, unless another generation of its pool
        works by then; of one that has never become ready nothing stays.

        Raises ``StepFailed`` when the time is up and it is not to be killed: it rests when it ends.
        """

    def keep_resting(
        self, pool: str, within_seconds: float | None, *, anew: bool = False
    ) -> tuple[str, ...]:
        """Have those of a pool that rest go on, for so long from now; ``None``: until they are
        woken.

        A rest that has lost its bound gets one only ``anew``. Gives the units of the pool that do
        not rest, or not yet.
        """

    def wake(self, name: str) -> None:
        """Have a unit that rests run again; one that has yet to end does so afterwards.

        Fine if it does not rest. Raises ``UnitFailed`` when it does not come up, ``StepFailed``
        when it may not work beside another generation that does.
        """

    def handover(self, pool: str, generation: int, progress: Progress | None = None) -> None:
        """Have the warm units of ``generation`` accept, then drain and stop all others.

        Carried out by the agent even if the caller dies meanwhile. Of a held pool the new
        generation accepts and the hold is forgotten; if it cannot accept, it leaves and the old
        one holds as before. While the failover keeper holds, it is not begun.
        """

    def settle(self, pool: str, within_seconds: float) -> None:
        """Have answers of the pool close their connections, in order to hold it soon.

        Returns when no accepting member has an idle connection left, or the time is up. A pool
        that is neither held nor released then keeps its connections again after half a minute.

        Raises ``StepFailed`` when a member's server cannot do that.
        """

    def hold(self, pool: str, within_seconds: float, lull_seconds: float = 0.0) -> float:
        """Have the accepting members stop to accept; connections wait in the kernel's queue.

        They keep the listening socket, close WebSockets and endless streams in order, and answer
        what they have. Unless it is released or handed over before, the agent has them accept
        again ``within_seconds`` from now, whatever became of the caller; holding again extends it.
        Workers that are being replaced leave first, and within ``lull_seconds`` a moment is looked
        for in which there are as few requests as there ever are: those are what a hold waits for.
        Gives the seconds since members were told.

        Raises ``StepFailed`` when a member cannot; then all accept again.
        """

    def drained(self, pool: str, within_seconds: float) -> None:
        """Wait until the held members have no connection, no request and no task left.

        Raises ``StepFailed`` when the time is up, saying what still runs, or when the pool is not
        held or its hold ended meanwhile.
        """

    def release(self, pool: str) -> None:
        """Have held or settled members accept as before; fine if there are none.

        A hold of the failover keeper's is not ended by this: while no database leads, requests wait
        on, for as long as that may last.

        Raises ``StepFailed`` when a member does not; the hold is forgotten all the same.
        """

    def refresh(self, pool: str, port: int) -> Mapping[str, int]:
        """Have the members let go of connections to the database server that was behind this port,
        because another one is now.

        A member that cannot, or has broken connections left that it does not know, is started anew
        if it does not accept just now. Gives how many ``members`` there are and how many were
        ``renewed`` like that.
        """

    def longest_request(self, pool: str) -> float:
        """For how long the oldest request of the accepting members has run, in seconds; or 0."""

    def claim(self, epoch: int) -> None:
        """Refuse changes by whoever carries a lower epoch from now on, durably.

        Returns when no order of a lower epoch is under way any more; what has become of a handover
        by then is decided, and only its draining may go on.

        Raises ``StepFailed`` when a higher epoch was claimed, or an order does not end in time.
        """

    def run(self, command: Command, output: Callable[[str], None] | None = None) -> Finished:
        """Run a command to its end as the unit's user; its lines go to ``output`` as they come."""

    def metrics(self, pool: str) -> Mapping[str, Any]:
        """Request metrics of a pool's accepting units, summed."""

    def shutdown(self) -> None:
        """Stop all units in reverse order, then the agent."""


class Target(Protocol):
    """All hosts of one deployment that are of this kind."""

    def with_epoch(self, epoch: int) -> Target:
        """The same hosts for a command that carries this epoch in all its orders."""

    def named(self, places: Mapping[str, str]) -> Target:
        """The same hosts by other names: ``places`` maps the name of a host to its place.

        A place that is named here is not reached by its own name, and nothing moves.
        """

    def locate(self, host: Host) -> HostPaths:
        """Where the host is, or would be, without starting anything; the same at every call."""

    def ensure(self, host: Host) -> HostAgent:
        """The host's agent, started if need be; adopts what a predecessor left running."""

    def reach(self, host: str, within_seconds: float | None = None) -> HostAgent | None:
        """The host's agent if it runs; never starts one.

        Raises ``TargetError`` when it is there and says nothing for so long.
        """

    def hosts(self) -> tuple[str, ...]:
        """Hosts that exist on this target for this deployment."""

    def logs(
        self, host: str, names: Sequence[str], *, lines: int, follow: bool
    ) -> Iterator[tuple[str, str]]:
        """Pairs of unit and line, of these units or pools or of all; the host need not run.

        With ``follow`` until the iterator is closed, through new generations of a pool.
        """

    def remains(self, host: str) -> bool:
        """Whether units of the host run although its agent does not."""

    def end(self, host: str) -> None:
        """Stop all units in reverse order, then the agent; also what outlived its agent."""

    def set_aside(self, host: str) -> None:
        """Stop the host and have it be none any more, in one act. There is no way back.

        Its files are still there: whoever is cut off while they are deleted leaves no half of one.
        """

    def delete_aside(self) -> None:
        """Delete what is left of hosts that were set aside, by whomever.

        Raises ``TargetError`` when something cannot be deleted.
        """

    def destroy(self, host: str) -> None:
        """Both: remove the host and all its data. There is no way back."""


Secrets = Mapping[str, Secret]
