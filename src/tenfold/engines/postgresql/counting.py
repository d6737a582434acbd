"""Reading tables in full, piece by piece: counts rows, and has every page's checksum looked at.

In pieces, because a follower ends a query that holds up its log for long, and because a leader
cannot clean up behind one. So a count is exact only while nobody writes to the table.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tenfold.engines.postgresql.login import Connection

PIECE_BLOCKS = 1 << 7
"""1 MiB of PostgreSQL's 8 KiB blocks: a few milliseconds, so that a request waits no longer."""

SHARE = 0.2
"""How much of the time is spent reading. The rest is for whoever uses the same processor."""

LONGEST_REST_SECONDS = 0.25
"""What took longer than a piece takes was waiting, and kept nobody from working."""

SHORTEST_SECONDS = 2.0
PIECE_SECONDS = 60.0
"""A disk that does not give one piece in that time does not work."""

ATTEMPTS = 3
"""A piece that collided with the log of a follower is read again."""


class OutOfTime(Exception):
    """The deadline passed while a table was being read."""


class Pace:
    """Rests so that work takes :data:`SHARE` of the time at most."""

    def __init__(self) -> None:
        self._since = time.monotonic()

    def rest(self) -> None:
        """Rest for the work since the last rest."""
        worked = time.monotonic() - self._since
        time.sleep(min(worked * (1 - SHARE) / SHARE, LONGEST_REST_SECONDS))
        self._since = time.monotonic()


@dataclass(frozen=True, slots=True)
class Table:
    """What holds rows: a table, a partition, a materialised view, or what is kept beside one.

    ``is_catalog``: it is one of PostgreSQL's own, of which :mod:`.schema` compares the content.

    ``written`` counts the rows that were ever inserted, updated or deleted, as statistics have it:
    up to a second late, or ten when whoever wrote went silent.
    """

    database: str
    schema: str
    name: str
    bytes: int
    written: int
    is_catalog: bool

    def __str__(self) -> str:
        return f"{self.database}: {self.schema}.{self.name}"


# Temporary and unlogged tables are not on a follower; other ways to keep tables know no pieces.
_TABLES = """
SELECT current_database(), n.nspname, c.relname, pg_relation_size(c.oid),
       pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid)
       + pg_stat_get_tuples_deleted(c.oid),
       n.nspname IN ('pg_catalog', 'information_schema')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'm', 't') AND c.relpersistence = 'p'
   AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'heap')
 ORDER BY pg_relation_size(c.oid), n.nspname, c.relname
"""


def tables(connection: Connection) -> tuple[Table, ...]:
    """Everything with rows in this database, the smallest first."""
    rows = connection.execute(_TABLES).fetchall()
    return tuple(Table(*row) for row in rows)  # type: ignore[arg-type]


def begin(connection: Connection, *, deadline: float) -> None:
    """Set a session up for :func:`count`; ``deadline`` is a moment of :func:`time.monotonic`."""
    # The rows themselves, not an index on them; and one process, for others' sake.
    connection.execute("SET enable_indexonlyscan = off; SET max_parallel_workers_per_gather = 0")
    # Only a piece that takes far too long is cut short; others are not begun.
    left = max(SHORTEST_SECONDS, deadline - time.monotonic())
    connection.execute("SELECT set_config('statement_timeout', %s, false)", [f"{left:.0f}s"])


def written(connection: Connection, table: Table) -> int | None:
    """How many rows were ever written to it, by now; ``None`` once it is gone."""
    row = connection.execute(
        "SELECT pg_stat_get_tuples_inserted(oid) + pg_stat_get_tuples_updated(oid)"
        " + pg_stat_get_tuples_deleted(oid) FROM pg_class WHERE oid = to_regclass(%s)",
        [_name(table).as_string(connection)],
    ).fetchone()
    return None if row is None else int(str(row[0]))


def count(connection: Connection, table: Table, pace: Pace, *, deadline: float) -> int:
    """Its rows, by a session that :func:`begin` has set up, with a rest after each piece.

    Raises:
        OutOfTime: the deadline passed.
        psycopg.errors.DataCorrupted: a page's checksum is wrong.
        psycopg.errors.UndefinedTable: the table is gone.
    """
    blocks = connection.execute(
        "SELECT pg_relation_size(to_regclass(%s)) / current_setting('block_size')::int",
        [_name(table).as_string(connection)],
    ).fetchone()
    end = int(str(blocks[0])) if blocks and blocks[0] is not None else 0
    total = 0
    for first in range(0, max(end, 1), PIECE_BLOCKS):
        # The last piece has no end: the table may have grown.
        last = first + PIECE_BLOCKS if first + PIECE_BLOCKS < end else None
        total += _piece(connection, table, first, last, deadline)
        pace.rest()
    return total


def _piece(
    connection: Connection, table: Table, first: int, last: int | None, deadline: float
) -> int:
    """Rows of the blocks from ``first`` to before ``last``."""
    below = sql.SQL("") if last is None else sql.SQL(" AND ctid < {}").format(f"({last},0)")
    query = sql.SQL("SELECT count(*) FROM {} WHERE ctid >= {}{}").format(
        _name(table), f"({first},0)", below
    )
    for attempt in range(ATTEMPTS):
        if time.monotonic() >= deadline:
            raise OutOfTime
        try:
            with connection.within(PIECE_SECONDS):
                row = connection.execute(query).fetchone()
        except psycopg.errors.QueryCanceled as error:
            raise OutOfTime from error
        except psycopg.errors.SerializationFailure:  # it collided with the log
            if attempt + 1 == ATTEMPTS:
                raise
        else:
            assert row is not None
            return int(str(row[0]))
    raise AssertionError("unreachable")


def _name(table: Table) -> sql.Identifier:
    return sql.Identifier(table.schema, table.name)
