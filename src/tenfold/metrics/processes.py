"""What units use: processor time and memory of their processes, and of the machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from tenfold.metrics.snapshot import Machine, Usage
from tenfold.topology.observation import ObservedHost

UnitKey = tuple[str, str]


def usage(hosts: Iterable[ObservedHost]) -> Mapping[UnitKey, Usage]:
    """By host and unit, or pool: all processes that its own has started, and what those left that
    have ended. The agent is one, too."""
    roots = {pid: key for key, pid in _roots(hosts)}
    owners: dict[int, UnitKey] = {}
    parents: dict[int, int] = {}
    seen: dict[int, tuple[float, int]] = {}
    for process in psutil.process_iter(["ppid", "cpu_times", "memory_info"]):
        told = process.info
        if told["cpu_times"] is None or told["memory_info"] is None:
            continue
        times = told["cpu_times"]
        # Of children that were waited for, too: so the sum does not shrink when one ends.
        spent = times.user + times.system + times.children_user + times.children_system
        parents[process.pid] = told["ppid"]
        seen[process.pid] = (spent, told["memory_info"].rss)
    for pid in seen:
        owner = _owner(pid, roots, parents)
        if owner is not None:
            owners[pid] = owner
    found: dict[UnitKey, Usage] = {}
    for pid, key in owners.items():
        before = found.get(key, Usage(0, 0.0, 0))
        spent, resident = seen[pid]
        found[key] = Usage(
            before.processes + 1, before.cpu_seconds + spent, before.memory_bytes + resident
        )
    return found


def _roots(hosts: Iterable[ObservedHost]) -> Iterable[tuple[UnitKey, int]]:
    for host in hosts:
        if host.agent_pid is not None:
            yield (host.name, "agent"), host.agent_pid
        for unit in host.units:
            if unit.pid is not None:
                yield (host.name, unit.pool or unit.name), unit.pid


def _owner(pid: int, roots: Mapping[int, UnitKey], parents: Mapping[int, int]) -> UnitKey | None:
    """The nearest unit above; an agent's children are units, not the agent."""
    for _ in range(64):
        if pid in roots:
            return roots[pid]
        above = parents.get(pid)
        if above is None or above == pid:
            return None
        pid = above
    return None


def machine(data: Path) -> Machine:
    """This machine, and the disk that ``data`` is on."""
    times, memory = psutil.cpu_times(), psutil.virtual_memory()
    names = ("user", "system", "idle", "iowait", "steal")
    disk = shutil.disk_usage(data)
    return Machine(
        cpu_seconds={name: float(getattr(times, name, 0.0)) for name in names},
        memory_bytes=memory.total,
        memory_available_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
    )
