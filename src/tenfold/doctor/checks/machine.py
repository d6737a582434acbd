"""The machine: engines, memory, disk, limits, clock, the edge's port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import MachineFacts
from tenfold.doctor.model import SEVERAL_HOSTS, Seen, check

MIB = 1 << 20
LITTLE_DISK_BYTES = 1024 * MIB
LITTLE_MEMORY_BYTES = 200 * MIB
EDGE_FILES = 20_000
"""``worker_rlimit_nofile`` of the edge."""
ACCEPT_QUEUE = 4096
"""Connections that wait for a worker while requests are held."""
CLOCK_SECONDS = 300.0


@check("machine.engines", "an engine is missing", bites="now")
def engines(facts: MachineFacts) -> Iterator[Seen]:
    """Tenfold runs PostgreSQL and nginx: those that came with it as wheels, or those of the host.
    Looked for: programs of a version that it can run, as `[database] postgres` chooses them."""
    for what, fix in facts.engines:
        yield Seen(what, (), fix)


@check("machine.platform", "this platform is not tried", bites="advice")
def platform(facts: MachineFacts) -> Iterator[Seen]:
    """Tenfold is tried on Linux on x86-64. Elsewhere the wheels of the engines may be missing, and
    loopback addresses for more than one host are."""
    if facts.system != "Linux" or facts.processor not in ("x86_64", "AMD64"):
        yield Seen(
            f"{facts.system} on {facts.processor} is not tried",
            (),
            "Linux on x86-64; elsewhere nginx 1.22 or newer has to be on PATH",
            bites=None,
        )


@check("machine.disk", "the disk is nearly full", bites="now")
def disk(facts: MachineFacts) -> Iterator[Seen]:
    """PostgreSQL stops when it cannot write its log, and a deploy needs room for a release. Looked
    for: less than 1 GiB or 5 % free where the project is, or fewer than 10,000 files left."""
    least = max(LITTLE_DISK_BYTES, facts.disk_bytes // 20)
    told = f"{facts.disk_free_bytes // MIB} MiB of {facts.disk_bytes // MIB} MiB free"
    if facts.disk_free_bytes < least:
        yield Seen("the disk is nearly full", (told,), "du -sh .tenfold/*      shows what is large")
    if facts.files_free is not None and facts.files_free < 10_000:
        places = (f"{facts.files_free} inodes free",)
        yield Seen("the disk takes few more files", places, "df -i .      and remove old files")


@check("machine.memory", "memory is short", bites="now")
def memory(facts: MachineFacts) -> Iterator[Seen]:
    """When memory runs out the kernel kills a process, often PostgreSQL. A deploy runs the workers
    twice for a while. Looked for: less than 200 MiB available."""
    if facts.memory_free_bytes < LITTLE_MEMORY_BYTES:
        told = f"{facts.memory_free_bytes // MIB} MiB of {facts.memory_bytes // MIB} MiB available"
        fix = "fewer workers ([server] workers), or a larger machine"
        yield Seen("memory is short", (told,), fix)


@check("machine.open-files", "few files may be open at once", bites="100")
def open_files(facts: MachineFacts) -> Iterator[Seen]:
    """Each connection is an open file, twice for a request that is passed on. While requests wait
    for a switch they add up. Looked for: a hard limit below the 20,000 that the edge wants."""
    if facts.open_files < EDGE_FILES:
        fix = "* hard nofile 65536      in /etc/security/limits.conf"
        told = f"ulimit -Hn is {facts.open_files}"
        yield Seen("few files may be open at once", (told,), fix, bites="100")


@check("machine.accept-queue", "few connections may wait for a worker", bites="100")
def accept_queue(facts: MachineFacts) -> Iterator[Seen]:
    """While a switch holds requests, they wait in the kernel's queue of the listening socket. What
    does not fit is not refused but lost for a second. Looked for: net.core.somaxconn below 4096,
    the size that Tenfold asks for."""
    if facts.accept_queue is not None and facts.accept_queue < ACCEPT_QUEUE:
        told = f"net.core.somaxconn = {facts.accept_queue}"
        fix = "sysctl -w net.core.somaxconn=4096      and in /etc/sysctl.d to keep it"
        yield Seen("few connections may wait while requests are held", (told,), fix, bites="100")


@check("machine.clock", "the clock is not kept right", bites="now if it is behind; 1k")
def clock(facts: MachineFacts) -> Iterator[Seen]:
    """With several hosts, leases, certificates and logs compare clocks. A clock behind the newest
    release makes histories go backwards. Looked for: the kernel's own word on whether it is
    synchronised, and a time before the last release was built."""
    if facts.newest is not None and facts.now < facts.newest - CLOCK_SECONDS:
        behind = facts.newest - facts.now
        fix = "timedatectl set-ntp true      or set it"
        yield Seen("the clock is behind the last release", (f"by {behind:.0f} s",), fix)
    elif facts.clock is False:
        fix = "timedatectl set-ntp true      or install chrony"
        yield Seen("nobody keeps the clock right", ("adjtimex: STA_UNSYNC",), fix, SEVERAL_HOSTS)


@check("machine.port", "the edge cannot listen where it is to", bites="now")
def port(facts: MachineFacts) -> Iterator[Seen]:
    """Looked for, while the site does not run: somebody else on `[edge] port`, an address that this
    machine does not have, a port that only root may take."""
    if facts.listens is not None:
        what, fix = facts.listens
        yield Seen(what, (), fix)


@check("machine.newer-engines", "there are newer versions of engines", bites="advice")
def newer(facts: MachineFacts) -> Iterator[Seen]:
    """A minor version of PostgreSQL, nginx or Redis mends faults, security ones among them, and
    changes nothing else. Looked for: newer wheels of them in the package index that `pip` is
    configured for, of those that this version of Tenfold takes. `--offline` does not ask it; what
    the system's packages bring is not looked at."""
    if facts.newer:
        told = tuple(f"{name} {has} is installed, there is {new}" for name, has, new in facts.newer)
        names = " ".join(name for name, _, _ in facts.newer)
        fix = f"pip install --upgrade {names}\ntenfold upgrade      restarts them; no request fails"
        yield Seen("there are newer versions of engines", told, fix, None)


CHECKS: Final = (engines, newer, platform, disk, memory, open_files, accept_queue, clock, port)
