"""A harm is done to hosts of this machine, and mended. Mending is idempotent."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.drills import cutting, disks, processes
from tenfold.drills.groups import for_disks, home
from tenfold.drills.kept import Broken, Kept
from tenfold.drills.model import Cut, FillDisk, Freeze, KillHosts, KillServer, SlowDisk
from tenfold.drills.processes import Find
from tenfold.errors import StepFailed, TenfoldError
from tenfold.topology.model import Host

if TYPE_CHECKING:
    from tenfold.targets.protocol import Target


@dataclass(frozen=True, slots=True)
class Scene:
    """Where the hosts are.

    Args:
        name: the deployment's, for names of tables and groups.
        target: its hosts.
        roots: the directory of each.
        addresses: of each.
        uid: whom their processes run as.
        servers: the data directory of each host with a database.
    """

    name: str
    target: Target
    roots: Mapping[str, Path]
    addresses: Mapping[str, str]
    uid: int
    servers: Mapping[str, str]

    def of_hosts(self, *hosts: str) -> Find:
        """Finds all processes of these hosts."""
        roots = [self.roots[host] for host in hosts]
        return lambda: processes.of_hosts(roots, self.uid)

    def of_unit(self, host: str, unit: str) -> Find:
        """Finds the processes of a unit, whose agent has to answer now."""
        agent = self.target.reach(host)
        seen = None if agent is None else agent.observe().unit(unit)
        if seen is None or seen.pid is None:
            raise StepFailed(f"{host}/{unit} does not run", next="tenfold status")
        pid = seen.pid
        return lambda: processes.of_unit(self.uid, pid)


def inflict(broken: Broken, scene: Scene, kept: Kept, strike: Callable[[], None]) -> None:
    """Break it. What mending needs is on disk before; ``strike`` is called right before it breaks.

    Raises:
        StepFailed: it could not be done; :func:`mend` takes back what was begun.
    """
    table = cutting.table(scene.name)
    match broken.harm:
        case KillServer(host):
            strike()
            _kill_server(Path(scene.servers[host]))
        case KillHosts(hosts):
            processes.kill(scene.of_hosts(*hosts), strike)
        case Freeze(hosts, None):
            _freeze(broken, kept, scene.of_hosts(*hosts), strike)
        case Freeze(hosts, unit):
            assert unit is not None
            finds = [scene.of_unit(host, unit) for host in hosts]
            _freeze(broken, kept, lambda: tuple(p for find in finds for p in find()), strike)
        case Cut(one, other):
            sides = scene.of_hosts(*one), scene.of_hosts(*other)
            kept.trace(broken, table=table, homes=cutting.homes(*sides))
            addresses = ([scene.addresses[h] for h in one], [scene.addresses[h] for h in other])
            cutting.cut(table, *sides, addresses, strike)
        case SlowDisk(host, rate):
            _slow(broken, scene, kept, host, rate)
            strike()
        case FillDisk(host):
            ballast = scene.roots[host] / disks.BALLAST
            kept.trace(broken, ballast=str(ballast))
            strike()
            disks.fill(ballast)


def mend(broken: Broken, scene: Scene) -> None:
    """Have nothing broken any more that this machine does not mend by itself.

    What cannot be mended keeps nothing else from it.

    Raises:
        StepFailed: something is still broken; giving it again is fine.
    """
    _all_of(_remedies(broken, scene), f"what the drill {broken.drill} broke")


def mend_whatever(scene: Scene) -> None:
    """Mend all that can be found without a record: by the names that cuts, groups and ballast have,
    and by going on with all processes of all hosts.

    Raises:
        StepFailed: as :func:`mend`.
    """
    name = cutting.table(scene.name)
    remedies: list[Callable[[], object]] = [
        partial(cutting.mend, name),
        partial(disks.quick, name),
        *(partial(disks.empty, root / disks.BALLAST) for root in scene.roots.values()),
        lambda: processes.send(signal.SIGCONT, scene.of_hosts(*scene.roots)()),
    ]
    _all_of(remedies, "what a drill may have broken")


def _remedies(broken: Broken, scene: Scene) -> Iterator[Callable[[], object]]:
    traces = broken.traces
    if "table" in traces:
        yield partial(cutting.mend, traces["table"], traces.get("homes", ("", "")))
    if "group" in traces:
        yield partial(disks.quick, traces["group"], traces.get("home", ""))
    if "busy" in traces:
        yield partial(processes.send, signal.SIGKILL, _named(traces["busy"]))
    if "ballast" in traces:
        yield partial(disks.empty, Path(traces["ballast"]))
    match broken.harm:
        case Freeze(hosts, _):
            yield partial(processes.send, signal.SIGCONT, _named(traces.get("frozen", [])))
            yield lambda: processes.send(signal.SIGCONT, scene.of_hosts(*hosts)())
            yield from (partial(_ensure, scene, host) for host in hosts)
        case KillHosts(hosts):
            yield from (partial(_ensure, scene, host) for host in hosts)


def _all_of(remedies: Iterable[Callable[[], object]], subject: str) -> None:
    faults: list[Exception] = []
    for remedy in remedies:
        try:
            remedy()
        except (TenfoldError, OSError) as fault:
            faults.append(fault)
    if faults:
        raise StepFailed(
            f"not all of {subject} could be mended: {'; '.join(map(str, faults))}",
            changed="what could be mended is",
            next="tenfold drill --mend    tries again",
            detail="\n".join(f.detail for f in faults if isinstance(f, TenfoldError) and f.detail)
            or None,
        ) from faults[0]


def _ensure(scene: Scene, host: str) -> None:
    """Its agent lives; and it starts whatever is declared there."""
    scene.target.ensure(Host(host))


def _named(found: object) -> list[processes.Named]:
    assert isinstance(found, list)
    return [(int(pid), int(started)) for pid, started in found]


def _kill_server(data: Path) -> None:
    """The process that its file names, if it is one that works in this directory."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
        descriptor = os.pidfd_open(pid)
        try:
            if not os.path.samefile(f"/proc/{pid}/cwd", data):
                raise StepFailed(f"the process {pid} is no PostgreSQL of {data}")
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        finally:
            os.close(descriptor)
    except (OSError, ValueError, IndexError) as fault:
        raise StepFailed(f"no PostgreSQL runs in {data}: {fault}") from fault


def _freeze(broken: Broken, kept: Kept, find: Find, strike: Callable[[], None]) -> None:
    kept.trace(broken, frozen=[list(one) for one in find()])
    processes.freeze(find, strike)


def _slow(broken: Broken, scene: Scene, kept: Kept, host: str, rate: int | None) -> None:
    root = scene.roots[host]
    if rate is None:
        busy = disks.keep_busy(root)
        own = [(p.pid, processes.started(p.pid)) for p in busy]
        kept.trace(broken, busy=[list(one) for one in own])
        return
    top, find = for_disks(), scene.of_hosts(host)
    assert top is not None
    group = cutting.table(scene.name)
    kept.trace(broken, group=group, home=home(top, find))
    disks.slow(group, find, root, rate)
