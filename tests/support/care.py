"""A project's databases in Patroni's care, looked at from outside: which process is which, and
whether ever more than one accepts writes."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import psycopg
from tests.support.project import Project

LOOK_SECONDS = 0.05
CONNECT_SECONDS = 5
JOIN_SECONDS = 60.0
LOOK = "SELECT pg_is_in_recovery()"
TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
"""As it is written now; the control file has it only after a checkpoint."""
WRITE = f"SELECT pg_logical_emit_message(true, 'witness', 'w'), {TIMELINE}"
LEADS = f"SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE {TIMELINE} END"


@dataclass(frozen=True)
class Member:
    """One host's database, and those who look after it."""

    project: Project
    host: str

    @property
    def folder(self) -> Path:
        return self.project.path.resolve() / ".tenfold" / "hosts" / self.host

    def lines(self) -> list[str]:
        """What its server wrote down about itself; nothing where none runs."""
        for file in self.folder.glob("data/postgres/*/postmaster.pid"):
            with contextlib.suppress(OSError):
                return file.read_text().splitlines()
        return []

    def postmaster(self) -> int | None:
        found = self.lines()
        if not found or not psutil.pid_exists(int(found[0])):
            return None
        with contextlib.suppress(psutil.Error):
            if psutil.Process(int(found[0])).name() == "postgres":
                return int(found[0])
        return None

    def pids(self, what: str) -> list[int]:
        """Of ``PostgreSQL``, ``Patroni``, ``leash`` or ``guard``; none while it does not run."""
        if what == "PostgreSQL":
            found = self.postmaster()
            return [] if found is None else [found]
        config = str(self.folder / "config" / "postgres")
        words = {
            "Patroni": ("patroni", f"{config}/patroni.yml"),
            "leash": ("tenfold.leash", "keep", f"{config}/leash.json"),
            "guard": ("tenfold.leash", "guard", f"{config}/leash.json"),
        }[what]
        return list(_running(words))

    def connect(self) -> psycopg.Connection[Any]:
        """A session of the superuser's, by the server's own socket.

        Raises:
            psycopg.Error: none runs, or it takes none now.
        """
        found = self.lines()
        if len(found) < 5:
            raise psycopg.OperationalError("no server runs here")
        secrets = json.loads((self.project.path / ".tenfold/secrets.json").read_text())
        return psycopg.connect(
            host=found[4],
            port=int(found[3]),
            user="postgres",
            password=secrets["main.superuser"],
            dbname="postgres",
            connect_timeout=CONNECT_SECONDS,
            autocommit=True,
        )


def _running(words: Sequence[str]) -> Iterator[int]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            argv = process.cmdline()
            if all(any(word in (a, Path(a).name) for a in argv) for word in words):
                yield process.pid


def members(project: Project) -> tuple[Member, ...]:
    """Of all hosts that there are for a database."""
    hosts = sorted((project.path / ".tenfold" / "hosts").glob("db*/host.json"))
    return tuple(Member(project, host.parent.name) for host in hosts)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: since when it was asked and when it was there, in seconds of one clock.

    ``timeline`` is the one on which a write was acknowledged; ``None``: none was, or it follows.
    """

    host: str
    asked: float
    answered: float
    follows: bool
    timeline: int | None = None


@dataclass
class Witness:
    """Asks each database all the time whether it accepts writes, and writes where it does."""

    project: Project
    hosts: Sequence[str]
    said: list[Said] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def _ask(self, member: Member) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with contextlib.suppress(psycopg.Error, OSError), member.connect() as session:
                while not self._over.wait(LOOK_SECONDS):
                    self._once(member.host, session)

    def _once(self, host: str, session: psycopg.Connection[Any]) -> None:
        asked = time.monotonic()
        (follows,) = session.execute(LOOK).fetchone() or (True,)
        self.said.append(Said(host, asked, time.monotonic(), follows))
        if not follows:
            asked = time.monotonic()
            (_, timeline) = session.execute(WRITE).fetchone() or (None, None)
            self.said.append(Said(host, asked, time.monotonic(), False, timeline))


@contextmanager
def witnessed(project: Project) -> Iterator[Witness]:
    """While the block runs; at its end nobody wrote beside another one, or the test fails."""
    with watching(project) as witness:
        yield witness
    require_one_leader(witness.said)


@contextmanager
def watching(project: Project) -> Iterator[Witness]:
    """While the block runs every database is asked."""
    there = {member.host for member in members(project)}
    witness = Witness(project, sorted({"db1", "db2"} | there))  # also one that is yet to come
    threads = [
        threading.Thread(target=witness._ask, args=(Member(project, host),), daemon=True)
        for host in witness.hosts
    ]
    for thread in threads:
        thread.start()
    try:
        yield witness
    finally:
        witness._over.set()
        for thread in threads:
            thread.join(JOIN_SECONDS)
        assert not any(thread.is_alive() for thread in threads), "a database never answered"


def require_one_leader(said: Sequence[Said]) -> None:
    """See that no two led at once, and that nobody wrote where another one had led on from."""
    both = [(a, b) for a, b in _overlaps(said) if a.host != b.host]
    assert not both, f"two did not follow at the same moment: {both[:3]}"
    writes = sorted((s for s in said if s.timeline is not None), key=lambda s: s.answered)
    owners: dict[int | None, set[str]] = {}
    for write in writes:
        owners.setdefault(write.timeline, set()).add(write.host)
    assert all(len(hosts) == 1 for hosts in owners.values()), owners
    newest: tuple[int, Said] | None = None
    for write in writes:
        assert write.timeline is not None
        if newest and write.timeline < newest[0]:
            assert write.asked <= newest[1].answered, (
                f"{write} was acknowledged on a timeline that is past: {newest[1]}"
            )
        if newest is None or write.timeline > newest[0]:
            newest = (write.timeline, write)


def _overlaps(said: Sequence[Said]) -> Iterator[tuple[Said, Said]]:
    """Pairs of answers of different hosts that both led, one within the time in which the other
    one certainly did: between two answers of the same session."""
    led = {host: _spans(said, host) for host in {s.host for s in said}}
    for host, spans in led.items():
        for other in (s for s in said if s.host != host and not s.follows):
            for first, last in spans:
                if first.answered < other.asked and other.answered < last.asked:
                    yield first, other


def _spans(said: Sequence[Said], host: str) -> list[tuple[Said, Said]]:
    """Between which answers this one did not follow, as far as anybody looked."""
    own = sorted((s for s in said if s.host == host), key=lambda s: s.asked)
    near = [(a, b) for a, b in pairwise(own) if not a.follows and not b.follows]
    return [(a, b) for a, b in near if b.asked - a.answered < 4 * LOOK_SECONDS]
