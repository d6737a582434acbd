"""A database's leader dies, stands still or is replaced under load, beside untuned Patroni."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.apps import DIARY
from benchmarks.failover_sides import Ours, Side, Theirs, kill, stopped
from benchmarks.failover_tables import Struck, notes, noticed, stalls, struck
from benchmarks.notes_load import LEDGER, WRITE
from benchmarks.open_loop import OpenLoop
from benchmarks.options import Options
from benchmarks.processes import wait_for
from benchmarks.results import Comparison, Finding
from benchmarks.workplace import Workplace, cores

ROUNDS = 50
THEIRS_EVERY, SLOW_EVERY = 10, 5
"""The other side takes part in the first of so many rounds, and a leader is paused or drained in
the first of so many: these take half a minute and more each."""
LONGEST_SECONDS = 300.0
Bring = Callable[[Side, str], AbstractContextManager[None]]
"""Bring a fault to a leader's host; the block begins when it has come."""
BEFORE_SECONDS, STEADY_SECONDS = 2.0, 2.0
IN_HAND_SECONDS = 0.2
"""As many writes as are due in so long may be in hand at any time."""
SETTLED = (b'{"acknowledged"', b'{"refused"', b'{"unknown"')
HOW = f"""\
One app (FastAPI, a psycopg pool) on two sites, brought up once: through `tenfold up --stage 1k`,
and by hand behind nginx on a Patroni with two members and three of etcd, configured as the example
that it comes with: a lease of 30 s, a round of 10 s, asynchronous; the app names both servers in
its `DATABASE_URL` (`target_session_attrs=read-write`). Each round brings each fault once, but a
leader is paused, and drained, in every {SLOW_EVERY}th only; the other side takes part in every
{THEIRS_EVERY}th, after Tenfold. Around each fault runs an open-loop load (`tenfold load`, Poisson
arrivals, keep-alive clients, nothing retried, one minute of patience), half of it writes with a
ledger, from {BEFORE_SECONDS:g} s before until writes go on. Killed is what is sent SIGKILL: the
server's main process; that and Patroni; or every process of the leader's host, etcd and agent
included, all of them stopped first so that none acts. *Leader paused*: every process of that host
is stopped (SIGSTOP) until another one leads and writes go on, and goes on then. *Drained* is the
leader's host with `tenfold host drain`, beside Patroni's own switchover. What ended by itself is
brought back after each fault, and the next one waits until the other member follows. A false
failover is a leader that changed between two faults. Tenfold's databases are asked 20 times a
second whether they take writes, each with a write. A failed request is one without a whole answer
of status 2xx."""
SPEC = f"""\
[load]
ramp = "1s"
arrivals = "poisson"
connections = "keep-alive"
timeout = "60s"
max_in_flight = 10000

{LEDGER}
[[load.requests]]
name = "read"
path = "/notes"

[[load.requests]]
name = "write"
{WRITE}"""


def measure(options: Options, place: Workplace) -> Finding:
    """Both sides, fault after fault."""
    sides: tuple[Side, Side] = (
        Ours(place.tenfold(DIARY)),
        place.kept(Theirs(DIARY, place.fresh("theirs"), cores())),
    )
    for side in sides:
        side.up()
    found: dict[str, list[Struck]] = {side.name: [] for side in sides}
    known = {side.name: side.leader() for side in sides}
    failure: tuple[str, ...] = ()
    number, rounds = 0, options.rounds_or(ROUNDS)
    try:
        for number in range(rounds):
            for side in sides[:1] if number % THEIRS_EVERY else sides:
                for fault, bring in FAULTS.items():
                    if fault in (PAUSED, DRAINED) and number % SLOW_EVERY:
                        continue
                    load = _load(side, place, options)
                    one = _strike(side, fault, bring, load, known)
                    found[side.name].append(replace(one, round=number))
                    known[side.name] = side.leader()
                print(f"  {side.name}: {number + 1} of {rounds}", file=sys.stderr, flush=True)
    except (AssertionError, RuntimeError, TimeoutError) as error:
        failure = (f"ended early: {error}",)
    except KeyboardInterrupt:
        failure = (f"stopped in round {number + 1} of {rounds}",)
    return Finding(
        name="failover",
        title="A database's leader fails, under load",
        how=HOW,
        comparisons=tuple(_compared(sides, found)),
        tables=(stalls(found), noticed(found)),
        notes=(*failure, *notes(found)),
        raw={name: [asdict(one) for one in all_] for name, all_ in found.items()},
        sides=(sides[0].name, sides[1].name),
    )


def _strike(
    side: Side,
    fault: str,
    bring: Bring,
    load: OpenLoop,
    known: Mapping[str, tuple[str, int] | None],
) -> Struck:
    before = known[side.name]
    with side.watched() as doubled, load:
        acknowledged = Acknowledged(load.folder / "ledger")
        acknowledged.wait_until_steady(load, time.monotonic() + BEFORE_SECONDS)
        leader = side.leader()
        assert leader is not None, f"{side.name}: nobody leads before a fault"
        come: list[float] = []
        with bring(side, leader[0]):
            come.append(time.monotonic())
            acknowledged.wait_until_steady(load, time.monotonic() + 1)
        after = side.leader()
    side.mend()
    assert load.report is not None
    found = struck(
        fault,
        load.report,
        load.failures(),
        come[0],
        led=after is not None and after[0] != leader[0],
        false=0 if before == leader else 1,
    )
    return replace(found, two=doubled())


def _load(side: Side, place: Workplace, options: Options) -> OpenLoop:
    return OpenLoop(
        SPEC,
        side.url,
        place.fresh("load"),
        rate=options.rate,
        duration_seconds=LONGEST_SECONDS,
        dsn=side.dsn(),
    )


class Acknowledged:
    """Follows a ledger that is being written."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger
        self._seen: list[float] = []
        self._read = self._in_hand = 0
        wait_for(lambda: self._look() > 0, "the load's first write")

    def wait_until_steady(self, load: OpenLoop, since: float) -> None:
        """Until writes have gone on for a while, all of it after that moment, and whoever waited
        has been served."""

        def steady() -> bool:
            load.check()
            self._look()
            now = time.monotonic()
            late = [at for at in self._seen if at >= max(since, now - STEADY_SECONDS)]
            enough = 0.3 * load.rate * STEADY_SECONDS
            settled = self._in_hand <= max(2.0, IN_HAND_SECONDS * load.rate)
            return now >= since + STEADY_SECONDS and len(late) > enough and settled

        wait_for(steady, "writes to go on", within_seconds=LONGEST_SECONDS)

    def _look(self) -> int:
        """Take note of what is new; gives how many there are."""
        if self._ledger.exists():
            with self._ledger.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            self._seen += [time.monotonic()] * whole.count(b'{"acknowledged"')
            self._in_hand += whole.count(b'{"sent"') - sum(map(whole.count, SETTLED))
        return len(self._seen)


def _killed(what: tuple[str, ...]) -> Bring:
    @contextmanager
    def bring(side: Side, leader: str) -> Iterator[None]:
        kill(side, leader, what)
        yield

    return bring


@contextmanager
def _drained(side: Side, leader: str) -> Iterator[None]:
    side.drain(leader)
    yield


def _paused(side: Side, leader: str) -> AbstractContextManager[None]:
    return stopped(side, leader, "everything")


PAUSED, DRAINED = "leader paused", "leader's host drained"
FAULTS: Mapping[str, Bring] = {
    "PostgreSQL killed": _killed(("PostgreSQL",)),
    "Patroni and PostgreSQL killed": _killed(("Patroni", "PostgreSQL")),
    "host killed": _killed(("everything",)),
    PAUSED: _paused,
    DRAINED: _drained,
}


def _compared(sides: tuple[Side, Side], found: Mapping[str, list[Struck]]) -> list[Comparison]:
    ours, theirs = ({(one.fault, one.round): one.stall for one in found[s.name]} for s in sides)
    compared = []
    for fault in FAULTS:
        both = [key for key in theirs if key in ours and key[0] == fault]
        if both:
            mine, other = tuple(ours[key] for key in both), tuple(theirs[key] for key in both)
            compared.append(Comparison(f"{fault}: longest stall of writes", "s", mine, other))
    return compared
