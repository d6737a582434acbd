"""Do a leader and its follower hold the same? Compared while the leader is written to.

The follower is read in full: a page whose checksum is wrong is found now, and not by a user after
the switch. What its memory has is not read from the disk again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg

from tenfold.engines.postgresql import schema
from tenfold.engines.postgresql.counting import (
    OutOfTime,
    Pace,
    Table,
    begin,
    count,
    tables,
    written,
)
from tenfold.engines.postgresql.facts import databases
from tenfold.engines.postgresql.login import Connection, Login, connect
from tenfold.engines.postgresql.switch import flushed, wait_until_replayed
from tenfold.errors import TenfoldError

REPLAY_SECONDS = 60.0
"""A follower that is further behind than this is not compared."""

ROUNDS = 3
"""How often two counts must differ while nothing seems to be written before that is believed."""

STATISTICS_SECONDS = 1.1
"""PostgreSQL tells what was written once a second at most."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was compared, and what came of it.

    Attributes:
        tables: how many were read on both sides, those that are kept beside tables included.
        rows: of the follower, in these.
        bytes: of these, on the follower's disk.
        changing: tables that were written to meanwhile; their counts are within what was written.
        not_read: tables for which there was no time, that vanished, or that collided too often
            with the log that the follower replays.
        differences: what is not the same, one sentence each; nothing if all is well.
        seconds: how long it took.
    """

    tables: int
    rows: int
    bytes: int
    changing: tuple[str, ...]
    not_read: tuple[str, ...]
    differences: tuple[str, ...]
    seconds: float

    @property
    def same(self) -> bool:
        """Whether no difference was found."""
        return not self.differences


@dataclass
class _Found:
    """What a report is made of, as it comes."""

    tables: int = 0
    rows: int = 0
    bytes: int = 0
    changing: list[str] = field(default_factory=list)
    not_read: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def verify(
    leader: Login,
    follower: Login,
    *,
    within_seconds: float,
    tell: Callable[[str], None] = lambda line: None,
    began_to_read: Callable[[Connection, Connection], None] = lambda here, there: None,
) -> Report:
    """Compare them as superuser; what there is no time for is reported as not read.

    ``began_to_read`` is called with the sessions at leader and follower that read all tables of a
    database from then on.

    Raises:
        TenfoldError: one of them is out of reach, or broke off, or the follower does not follow.
    """
    began = time.monotonic()
    deadline = began + within_seconds
    found = _Found()
    with _clearly(), connect(leader) as here, connect(follower) as there:
        found.differences += _identity(here, there)
        if not found.differences:
            failures = _failures(there)
            for name in databases(here):
                tell(f"database {name}")
                _database(
                    replace(leader, database=name),
                    replace(follower, database=name),
                    found,
                    deadline,
                    began_to_read,
                )
            if _failures(there) > failures:
                found.differences.append("the follower counted pages with a wrong checksum")
    return Report(
        tables=found.tables,
        rows=found.rows,
        bytes=found.bytes,
        changing=tuple(found.changing),
        not_read=tuple(found.not_read),
        differences=tuple(found.differences),
        seconds=time.monotonic() - began,
    )


_IDENTITY = """
SELECT (SELECT system_identifier FROM pg_control_system())::text,
       CASE WHEN pg_is_in_recovery() THEN (SELECT received_tli FROM pg_stat_wal_receiver)
            ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END,
       current_setting('data_checksums'),
       pg_is_in_recovery()
"""


def _identity(leader: Connection, follower: Connection) -> Iterator[str]:
    here, there = (side.execute(_IDENTITY).fetchone() for side in (leader, follower))
    assert here is not None
    assert there is not None
    if here[0] != there[0]:
        yield f"they are different clusters: system identifier {here[0]}, and {there[0]}"
        return
    if not there[3]:
        yield "the follower leads: it accepts writes of its own"
        return
    if there[1] is None:
        yield "the follower does not reach whom it follows"
        return
    if here[1] != there[1]:
        yield f"the leader is on timeline {here[1]}, the follower receives {there[1]}"
    for side, told in (("leader", here[2]), ("follower", there[2])):
        if told != "on":
            yield f"the {side} has no checksums"
    if _history(leader, here[1]) != _history(follower, here[1]):
        yield "they have different histories of timelines"


def _history(connection: Connection, timeline: object) -> str | None:
    """What became of earlier timelines; the first has none."""
    row = connection.execute(
        "SELECT pg_read_file(format('pg_wal/%%s.history', lpad(to_hex(%s::int), 8, '0')),"
        " 0, 1000000, true)",
        [timeline],
    ).fetchone()
    return None if row is None or row[0] is None else str(row[0])


def _failures(connection: Connection) -> int:
    row = connection.execute(
        "SELECT coalesce(sum(checksum_failures), 0)::bigint FROM pg_stat_database"
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def _database(
    leader: Login,
    follower: Login,
    found: _Found,
    deadline: float,
    began_to_read: Callable[[Connection, Connection], None],
) -> None:
    pace = Pace()
    with connect(leader) as here, connect(follower) as there:
        began_to_read(here, there)
        found.differences += _schema(here, there, leader.database)
        for side in (here, there):
            begin(side, deadline=deadline)
        for table in tables(here):
            _table(here, there, table, found, pace, deadline)


def _schema(leader: Connection, follower: Connection, database: str) -> Iterator[str]:
    """A difference counts when it is there again after the follower replayed all that there is."""
    differ: list[str] = []
    for _ in range(ROUNDS):
        before = schema.digests(leader)
        wait_until_replayed(follower, flushed(leader), within_seconds=REPLAY_SECONDS)
        there = schema.digests(follower)
        after = schema.digests(leader)
        differ = [kind for kind in there if there[kind] not in (before[kind], after[kind])]
        if not differ:
            return
    yield f"database {database} has other {', '.join(differ)} on the follower"


def _table(
    leader: Connection,
    follower: Connection,
    table: Table,
    found: _Found,
    pace: Pace,
    deadline: float,
) -> None:
    try:
        outcome = _compare(leader, follower, table, pace, deadline)
    except (OutOfTime, psycopg.errors.UndefinedTable, psycopg.errors.SerializationFailure):
        found.not_read.append(str(table))
    except psycopg.errors.DataCorrupted as error:
        found.differences.append(f"{table}: {error.diag.message_primary}")
    else:
        found.tables += 1
        found.rows += outcome.rows
        found.bytes += table.bytes
        found.changing += [str(table)] if outcome.changing else []
        found.differences += [f"{table}: {outcome.difference}"] if outcome.difference else []


@dataclass(frozen=True, slots=True)
class _Outcome:
    rows: int
    changing: bool = False
    difference: str = ""


def _compare(
    leader: Connection, follower: Connection, table: Table, pace: Pace, deadline: float
) -> _Outcome:
    """Equal counts are equal. Others have to be explained by what was written in between."""
    if table.is_catalog:
        return _Outcome(count(follower, table, pace, deadline=deadline))
    outcome = _Outcome(0)
    for number in range(ROUNDS):
        if number:
            time.sleep(STATISTICS_SECONDS)
        marked = written(leader, table)
        before = count(leader, table, pace, deadline=deadline)
        wait_until_replayed(follower, flushed(leader), within_seconds=REPLAY_SECONDS)
        there = count(follower, table, pace, deadline=deadline)
        if there == before:
            return _Outcome(there)
        after = count(leader, table, pace, deadline=deadline)
        meanwhile = (written(leader, table) or 0) - (marked or 0)
        if min(before, after) - meanwhile <= there <= max(before, after) + meanwhile:
            return _Outcome(there, changing=True)
        outcome = _Outcome(
            there,
            difference=f"{there} rows on the follower; {before}, then {after} on the leader,"
            f" with {meanwhile} written in between",
        )
    return outcome


@contextmanager
def _clearly() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise TenfoldError(
            "comparing a follower with its leader broke off",
            next="tenfold logs   shows what PostgreSQL says",
            detail=error.diag.message_primary or str(error).strip(),
        ) from error
