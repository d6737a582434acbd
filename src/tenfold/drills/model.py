"""What a drill breaks, of what, and what was promised for it: frozen data. Pure.

Times are seconds since the epoch, lengths are in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal[
    "kill-leader",
    "kill-zone",
    "partition",
    "pause-leader",
    "pause-follower",
    "slow-disk",
    "fill-disk",
    "etcd-minority",
]


@dataclass(frozen=True, slots=True)
class Drill:
    """What somebody asked for.

    ``sides`` are the zones that are named: of ``kill-zone`` one side of one zone, of ``partition``
    those that are cut off from each other. ``lasts_seconds`` is ``None`` where what is broken is
    mended once writes go on.
    """

    kind: Kind
    sides: tuple[tuple[str, ...], ...] = ()
    lasts_seconds: float | None = None

    @property
    def name(self) -> str:
        """As it is typed."""
        said = "|".join(",".join(side) for side in self.sides)
        return f"{self.kind} {said}" if said else self.kind


@dataclass(frozen=True, slots=True)
class HostSeen:
    """A host: its zone, its loopback or network address, whether its agent answers, and the names
    of its units."""

    name: str
    zone: str
    address: str
    answers: bool
    units: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is before anything is broken; hosts by name.

    ``databases`` are the members of the cluster, ``in_sync`` those that may be elected without a
    commit being lost. ``etcd`` maps each member's host to whether it answers and agrees.
    ``etcd_leader`` is its host. ``lease_seconds`` is how long a leader may lead unheard.
    ``brings_back`` maps hosts that were taken out to the command that brings each back.
    """

    hosts: tuple[HostSeen, ...]
    databases: tuple[str, ...]
    leader: str | None
    in_sync: tuple[str, ...]
    etcd: Mapping[str, bool]
    etcd_leader: str | None = None
    lease_seconds: float = 20.0
    brings_back: Mapping[str, str] = field(default_factory=dict)

    @property
    def zones(self) -> tuple[str, ...]:
        """All zones, in the order of their names."""
        return tuple(sorted({host.zone for host in self.hosts}))

    def of_zone(self, *zones: str) -> tuple[str, ...]:
        """The hosts of these zones."""
        return tuple(host.name for host in self.hosts if host.zone in zones)

    def zone(self, host: str) -> str:
        """In which zone a host is."""
        return next(one.zone for one in self.hosts if one.name == host)


@dataclass(frozen=True, slots=True)
class Means:
    """What this machine permits: cutting the network between zones, making one disk slow, filling
    the one with the databases.

    Each says why not, and is empty where that is permitted. ``tells_deaths``: whether the leader's
    death is told for certain by whoever has the same kernel, so that nobody waits for its lease.
    """

    why_no_cut: str = ""
    why_no_throttle: str = ""
    why_no_fill: str = ""
    tells_deaths: bool = False


@dataclass(frozen=True, slots=True)
class KillServer:
    """SIGKILL for a host's PostgreSQL, as a kernel without memory does it."""

    host: str

    def sentence(self) -> str:
        """What is done, for people."""
        return f"PostgreSQL of {self.host} is killed (SIGKILL)"


@dataclass(frozen=True, slots=True)
class KillHosts:
    """SIGKILL for everything on these hosts, agents included: nobody is left to tell."""

    hosts: tuple[str, ...]

    def sentence(self) -> str:
        """What is done, for people."""
        return f"everything on {' and '.join(self.hosts)} is killed (SIGKILL)"


@dataclass(frozen=True, slots=True)
class Freeze:
    """SIGSTOP for everything on these hosts, or for one unit of each: silent, and not dead."""

    hosts: tuple[str, ...]
    unit: str | None = None

    def sentence(self) -> str:
        """What is done, for people."""
        what = f"{self.unit} on" if self.unit else "everything on"
        return f"{what} {' and '.join(self.hosts)} is stopped in its tracks (SIGSTOP)"


@dataclass(frozen=True, slots=True)
class Cut:
    """No packet goes from the hosts of one side to those of the other, in either direction."""

    one: tuple[str, ...]
    other: tuple[str, ...]

    def sentence(self) -> str:
        """What is done, for people."""
        return f"{' and '.join(self.one)} cut off from {' and '.join(self.other)} at the network"


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """A host's units may write to their disk so many times a second, or have to share it."""

    host: str
    writes_per_second: int | None

    def sentence(self) -> str:
        """What is done, for people."""
        if self.writes_per_second is None:
            return f"the disk of {self.host} is kept busy by others that write and sync"
        return f"{self.host} may write to its disk {self.writes_per_second} times a second"


@dataclass(frozen=True, slots=True)
class FillDisk:
    """The file system with a host's database takes nothing more."""

    host: str

    def sentence(self) -> str:
        """What is done, for people."""
        return f"the disk of {self.host} is filled to the last byte"


Harm = KillServer | KillHosts | Freeze | Cut | SlowDisk | FillDisk
HARMS: Mapping[str, type[Harm]] = {
    one.__name__: one for one in (KillServer, KillHosts, Freeze, Cut, SlowDisk, FillDisk)
}


def to_json(harm: Harm) -> dict[str, Any]:
    """Plain data."""
    return {"harm": type(harm).__name__, **asdict(harm)}


def from_json(data: Mapping[str, Any]) -> Harm:
    """Read what :func:`to_json` gave. Raises ``ValueError`` for anything else."""
    fields: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in data.items() if k != "harm"
    }
    try:
        return HARMS[data["harm"]](**fields)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it is no harm: {error}") from error


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to hold although something is broken, beside that no acknowledged write is lost.

    ``leader``: it ``stays``, it ``changes``, or ``either``. ``writes_wait_seconds`` is how long
    there may be no acknowledged write. ``notice_seconds`` is how long it may take until anybody
    notices: requests that are sent by then may fail with the fault. ``later_fail``: whether those
    that are sent afterwards may, too.
    """

    leader: Literal["stays", "changes", "either"]
    writes_wait_seconds: float
    notice_seconds: float = 1.0
    later_fail: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What a drill does, and what it is judged by.

    ``level`` says how it is done where there is more than one way: ``network`` or ``processes`` for
    a partition. ``notes`` are for the person who asked.
    """

    harm: Harm
    promise: Promise
    lasts_seconds: float | None = None
    level: str | None = None
    notes: tuple[str, ...] = ()
