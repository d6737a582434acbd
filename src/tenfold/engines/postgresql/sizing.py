"""Settings sized from a host's memory and cores. Pure; every rule names its source.

Sources:
    [manual]  https://www.postgresql.org/docs/18/runtime-config-resource.html and
              https://www.postgresql.org/docs/18/runtime-config-query.html
    [pgtune]  https://github.com/le0pard/pgtune, profile "web application"
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30

SHARED_HOST = 0.5
"""The database's share of a host's memory while the app and the edge live there too."""

DEDICATED_HOST = 1.0
"""The database's share of a host that is its own."""

POOL_PER_WORKER = 15
"""Connections that one app worker may open: SQLAlchemy's pool_size 5 and max_overflow 10."""

RESERVED_CONNECTIONS = 10
"""Beside the app: migrations, ``psql``, probes, and PostgreSQL's own three for superusers."""


@dataclass(frozen=True, slots=True)
class Sizing:
    """What depends on the size of the host."""

    shared_buffers_bytes: int
    effective_cache_size_bytes: int
    work_mem_bytes: int
    maintenance_work_mem_bytes: int
    max_connections: int
    min_wal_size_bytes: int
    max_wal_size_bytes: int
    max_slot_wal_keep_size_bytes: int
    max_worker_processes: int
    max_parallel_workers: int
    max_parallel_workers_per_gather: int


def sizing(
    memory_bytes: int, cores: int, *, share: float = SHARED_HOST, most_cores: int = 0
) -> Sizing:
    """Settings for a host of this size, of which the database gets ``share`` of the memory.

    A follower does not start with less of ``max_connections`` and ``max_worker_processes`` than
    its leader has, and anybody may lead: both follow ``most_cores``, those of the cluster's largest
    host. (The other settings of that kind are the same on every host.)

    - ``shared_buffers``: a quarter of the share [manual: "25% of the memory in your system"], from
      32 MiB to 8 GiB; pages are taken from the system only when they are first used.
    - ``effective_cache_size``: three quarters of the share [pgtune].
    - ``max_connections``: see :func:`connections`.
    - ``work_mem``: what is left, shared by three sorts or hashes per connection [pgtune], at least
      PostgreSQL's default of 4 MiB, at most 64 MiB.
    - ``maintenance_work_mem``: a sixteenth of the share, at most 1 GiB [pgtune: 2 GiB, dedicated].
    - ``max_wal_size``: an eighth of the memory from 1 GiB (PostgreSQL's default) to 4 GiB
      [pgtune]. It bounds how much a start after a crash has to replay.
    - ``max_slot_wal_keep_size``: four times that. A follower that is away longer is rebuilt; the
      disk does not fill.
    - parallel workers: as many as cores, half of them in one query, at most 4 [pgtune].
    """
    budget = int(memory_bytes * share)
    buffers = steady(clamp(budget // 4, 32 * MIB, 8 * GIB))
    widest = max(cores, most_cores)
    max_connections = connections(widest)
    per_sort = max(0, budget - buffers) // (max_connections * 3)
    max_wal = steady(clamp(memory_bytes // 8, 1 * GIB, 4 * GIB))
    return Sizing(
        shared_buffers_bytes=buffers,
        effective_cache_size_bytes=steady(max(budget * 3 // 4, 64 * MIB)),
        work_mem_bytes=steady(clamp(per_sort, 4 * MIB, 64 * MIB)),
        maintenance_work_mem_bytes=steady(clamp(budget // 16, 16 * MIB, 1 * GIB)),
        max_connections=max_connections,
        min_wal_size_bytes=max_wal // 4,
        max_wal_size_bytes=max_wal,
        max_slot_wal_keep_size_bytes=max_wal * 4,
        max_worker_processes=max(16, 8 + widest),
        max_parallel_workers=max(2, cores),
        max_parallel_workers_per_gather=clamp(cores // 2, 1, 4),
    )


def connections(cores: int) -> int:
    """``max_connections`` for an app on this many cores, from 100 to 500.

    A deploy warms the new workers beside the old, so twice 2 * cores + 1 workers may hold a pool
    each. It follows the cores and not the worker count of today, because changing it restarts the
    server. Beyond 500 a pooler is the better answer: each connection is a process.
    """
    wanted = 2 * (2 * cores + 1) * POOL_PER_WORKER + RESERVED_CONNECTIONS
    return clamp(wanted, 100, 500)


def clamp(value: int, low: int, high: int) -> int:
    """``value``, moved into ``low..high``."""
    return max(low, min(high, value))


def steady(size: int) -> int:
    """Rounded down to three binary digits, so that a few MiB more or less change no setting.

    The memory that a kernel reports moves a little between boots, and some of these settings need
    a restart.
    """
    step = 1 << max(0, size.bit_length() - 3)
    return size // step * step


def size_text(size: int) -> str:
    """Bytes as PostgreSQL writes them, in the largest unit that is exact down to kB."""
    for unit, name in ((GIB, "GB"), (MIB, "MB")):
        if size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size // KIB}kB"
