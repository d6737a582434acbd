"""An hour without processor time, and a follower that pauses again and again: nobody fails over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.support.care import members

from benchmarks.apps import DIARY
from benchmarks.failover import SPEC
from benchmarks.failover_sides import Ours, stopped
from benchmarks.open_loop import OpenLoop
from benchmarks.options import Options
from benchmarks.results import Finding, Table
from benchmarks.workplace import Workplace, cores

MINUTES, QUICK_MINUTES = 60.0, 0.5
RATE = 10.0
NICE = -10
"""Of a burner; a process of the site's is at 0 and gets a tenth of what a burner does."""
PAUSE_SECONDS, BETWEEN_SECONDS = 3.0, 7.0
LOOK_SECONDS = 1.0
BURN = "while True: pass"
HOW = f"""\
A site at stage 1k on one machine with {cores()} cores. On every core runs a process that never
rests, at nice {NICE} where the user may do that: of a core that both want, a process of the site's
gets a tenth of what that one does (sched(7)). Meanwhile everything of the follower (leash, Patroni,
PostgreSQL) is stopped (SIGSTOP) for {PAUSE_SECONDS:g} s and goes on for {BETWEEN_SECONDS:g} s,
again and again, and an open-loop load of {RATE:g} requests a second reads and writes, with a
ledger. Who leads, and on which timeline, is asked every {LOOK_SECONDS:g} s of the servers
themselves. A false failover is any change of either."""


@dataclass(slots=True)
class Seen:
    """Who led, whenever somebody could be asked; ``silent`` is how often nobody could."""

    leaders: list[tuple[str, int]] = field(default_factory=list)
    asked: int = 0
    silent: int = 0
    pauses: int = 0

    @property
    def changes(self) -> int:
        """How often it was another one, or on another timeline."""
        return sum(a != b for a, b in zip(self.leaders, self.leaders[1:], strict=False))


def measure(options: Options, place: Workplace) -> Finding:
    """Starve it, and look."""
    minutes = options.minutes or (QUICK_MINUTES if options.quick else MINUTES)
    side = Ours(place.tenfold(DIARY))
    side.up()
    first = side.leader()
    assert first is not None
    seen = Seen([first])
    (follower,) = (m for m in members(side.project) if m.host != first[0])
    server = follower.postmaster()
    longest = minutes * 60 + 600
    load = OpenLoop(SPEC, side.url, place.fresh("load"), RATE, longest, dsn=side.dsn())
    with load, _watched(side, seen):
        with burning(cores()) as nice:
            until = time.monotonic() + minutes * 60
            while time.monotonic() < until:
                with stopped(side, follower.host, "database"):
                    time.sleep(PAUSE_SECONDS)  # no condition: so long is what is tried
                seen.pauses += 1
                load.check()
                time.sleep(BETWEEN_SECONDS)
                if seen.pauses % 30 == 0:
                    print(f"  {seen.pauses} pauses", file=sys.stderr, flush=True)
        side.mend()
    report = load.report
    assert report is not None
    ledger = report["comparison"]
    rows = (
        ("minutes", f"{minutes:g}"),
        ("burners, at nice", f"{cores()}, {nice}"),
        ("pauses of the follower", str(seen.pauses)),
        ("**false failovers**", f"**{seen.changes}**"),
        ("the leader was asked, and did not answer", f"{seen.asked:,}, {seen.silent:,}"),
        ("the follower's server was restarted", "no" if server == follower.postmaster() else "yes"),
        ("requests, failed", f"{report['overall']['due']:,}, {report['overall']['failed']:,}"),
        ("writes acknowledged", f"{ledger['acknowledged']:,}"),
        ("lost / duplicated", f"{ledger['counts']['lost']} / {ledger['counts']['duplicated']}"),
        ("longest stall of writes, s", f"{report['writes']['longest_stall_ms'] / 1000:.2f}"),
    )
    return Finding(
        name="starvation",
        title="No processor time, and a follower that pauses",
        how=HOW,
        tables=(Table("What came of it", ("", side.name), rows),),
        notes=(*weaker(nice), *report["warnings"]),
        raw={"seen": asdict(seen), "report": report},
    )


def weaker(nice: int) -> tuple[str, ...]:
    """What it says less where nobody may raise a priority."""
    if nice == NICE:
        return ()
    return (
        f"Whoever ran this may not raise a priority: the burners were at nice {nice}, like the"
        " site, and so left it half of a core that both wanted, not a tenth. It starved less than"
        " it was to.",
    )


@contextmanager
def burning(count: int) -> Iterator[int]:
    """So many processes that never rest, while the block runs; gives their nice value."""
    burners = [
        subprocess.Popen([sys.executable, "-c", BURN], start_new_session=True) for _ in range(count)
    ]
    try:
        raised = [_raised(burner.pid) for burner in burners]
        yield NICE if all(raised) else 0
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def _raised(pid: int) -> bool:
    """Whether it could be given a higher priority; its group's too, where sessions have one."""
    try:
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
    except PermissionError:
        return False
    with suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(NICE))
    return True


@contextmanager
def _watched(side: Ours, seen: Seen) -> Iterator[None]:
    over = threading.Event()

    def look() -> None:
        while not over.wait(LOOK_SECONDS):
            found = side.leader()
            seen.asked += 1
            if found is None:
                seen.silent += 1
            else:
                seen.leaders.append(found)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
