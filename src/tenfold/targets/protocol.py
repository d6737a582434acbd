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
    """Where a host is and where things lie on it; absolute. ``run`` fits unix sockets."""

    root: str
    run: str
    logs: str
    address: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended; ``tail`` holds the last lines that it printed."""

    code: int
    tail: str


class HostAgent(Protocol):
    """One host's agent. Every method may raise ``TargetError`` when the agent is out of reach."""

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
        """Make the unit run with this launch and be ready; a changed launch restarts it.

        Raises ``UnitFailed`` with the failing probe, its answer and the unit's last log lines.
        """

    def reload(self, name: str) -> None:
        """Have a unit reread its files without failing a request."""

    def stop(self, name: str) -> None:
        """End a unit in order and forget it; fine if there is none."""

    def handover(self, pool: str, generation: int, progress: Progress | None = None) -> None:
        """Have the warm units of ``generation`` accept, then drain and stop all others.

        Carried out by the agent even if the caller dies meanwhile.
        """

    def run(self, command: Command, output: Callable[[str], None] | None = None) -> Finished:
        """Run a command to its end as the unit's user; its lines go to ``output`` as they come."""

    def metrics(self, pool: str) -> Mapping[str, Any]:
        """Request metrics of a pool's accepting units, summed."""

    def shutdown(self) -> None:
        """Stop all units in reverse order, then the agent."""


class Target(Protocol):
    """All hosts of one deployment that are of this kind."""

    def locate(self, host: Host) -> HostPaths:
        """Where the host is, or would be, without starting anything; the same at every call."""

    def ensure(self, host: Host) -> HostAgent:
        """The host's agent, started if need be; adopts what a predecessor left running."""

    def reach(self, host: str) -> HostAgent | None:
        """The host's agent if it runs; never starts one."""

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

    def destroy(self, host: str) -> None:
        """Remove the host and all its data. There is no way back."""


Secrets = Mapping[str, Secret]
