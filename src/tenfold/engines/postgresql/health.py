"""How a database and its schema are, as one frozen value: what grows into trouble.

Every statement has a bound; nothing is locked and nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tenfold.engines.postgresql.facts import Transaction, transactions
from tenfold.engines.postgresql.login import Connection, Login, connect
from tenfold.engines.postgresql.queries import shown
from tenfold.errors import TenfoldError

WITHIN_SECONDS = 20.0
"""For everything together; catalogs are small, but a loaded server is slow."""
COLLATION_VERSIONS = 150_000
"""From this version on a database knows its collation's."""
EXECUTION_TIMES = 130_000
"""From this version on statistics tell planning from execution."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and about how many rows it has."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence that only counts up. ``column`` is what it fills, if it belongs to one.

    ``limit`` is the last value that it, or its column's type, can hold.
    """

    name: str
    column: str
    last: int
    limit: int


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``columns`` of ``table`` refer to ``other``.

    ``indexed``: an index finds the referring rows. ``rows`` are about how many ``table`` has.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    other: str
    indexed: bool
    rows: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One kind of statement: how often it ran, and how long once, in milliseconds on average."""

    query: str
    calls: int
    mean_ms: float


@dataclass(frozen=True, slots=True)
class Health:
    """One database, and what its server has in use.

    Attributes:
        database: its name.
        keyless: tables that nothing identifies the rows of: no primary key, no other identity.
        unlogged: tables and sequences that are not in the log.
        sequences: all that count up.
        foreign_keys: all.
        invalid_indexes: index and table, of builds that broke off.
        unvalidated: constraints that old rows were never checked for.
        bloated: tables with more dead rows than live ones, and how many dead.
        slow: statements that take long, the most expensive together first.
        transactions: open ones of clients, the oldest first.
        large_objects: how many there are.
        connections, max_connections: in use, and allowed without the superuser's reserve.
        oldest_transaction: how many transactions ago the oldest row was frozen.
        collation: what the database was made with and what the system has now, where they differ.
        extensions: name and version of those that are installed.
        pending: settings that were changed and wait for a restart.
    """

    database: str
    keyless: tuple[Table, ...]
    unlogged: tuple[str, ...]
    sequences: tuple[Sequence, ...]
    foreign_keys: tuple[ForeignKey, ...]
    invalid_indexes: tuple[str, ...]
    unvalidated: tuple[str, ...]
    bloated: tuple[Table, ...]
    slow: tuple[Statement, ...]
    transactions: tuple[Transaction, ...]
    large_objects: int
    connections: int
    max_connections: int
    oldest_transaction: int
    collation: tuple[str, str] | None
    extensions: tuple[str, ...]
    pending: tuple[str, ...] = ()


_OWN = r"nspname !~ '^(pg_|information_schema$)'"
_NOT_EXTENSION = """NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
       AND objid = c.oid AND deptype = 'e')"""

_KEYLESS = f"""
SELECT format('%s.%s', nspname, relname), greatest(reltuples, 0)::bigint
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE {_OWN} AND {_NOT_EXTENSION} AND relkind IN ('r', 'p') AND NOT relispartition
   AND relreplident IN ('d', 'n')
   AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary) ORDER BY 1
"""  # noqa: S608 - of constants
_UNLOGGED = f"""
SELECT format('%s.%s', nspname, relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
 WHERE {_OWN} AND relpersistence = 'u' AND relkind = 'r' ORDER BY 1
"""  # noqa: S608 - of constants
_SEQUENCES = f"""
SELECT format('%s.%s', nspname, c.relname),
       coalesce(format('%s.%s', refobjid::regclass, attname), ''),
       coalesce(CASE WHEN has_sequence_privilege(c.oid, 'USAGE, SELECT')
                     THEN pg_sequence_last_value(c.oid) END, 0),
       least(seqmax, CASE atttypid WHEN 'int2'::regtype THEN 32767
                     WHEN 'int4'::regtype THEN 2147483647 ELSE seqmax END)
  FROM pg_sequence s JOIN pg_class c ON c.oid = seqrelid JOIN pg_namespace n ON n.oid = relnamespace
  LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND objid = c.oid
       AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND refobjsubid > 0
  LEFT JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid
 WHERE {_OWN} AND seqincrement > 0 AND NOT seqcycle ORDER BY 1
"""  # noqa: S608 - of constants
_FOREIGN_KEYS = f"""
SELECT conname, conrelid::regclass::text,
       (SELECT array_agg(attname::text ORDER BY place) FROM unnest(conkey)
          WITH ORDINALITY AS key(number, place)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = number),
       confrelid::regclass::text,
       EXISTS (SELECT FROM pg_index WHERE indrelid = conrelid AND indisvalid AND indpred IS NULL
               AND (indkey::int2[])[0:cardinality(conkey) - 1] @> conkey),
       greatest(reltuples, 0)::bigint
  FROM pg_constraint k JOIN pg_class t ON t.oid = conrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
 WHERE {_OWN} AND contype = 'f' AND conparentid = 0 ORDER BY 2, 1
"""  # noqa: S608 - of constants
_INVALID = f"""
SELECT format('%s of %s', indexrelid::regclass, indrelid::regclass)
  FROM pg_index i JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace n ON n.oid = relnamespace
 WHERE {_OWN} AND NOT indisvalid AND NOT EXISTS (
       SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = indexrelid) ORDER BY 1
"""  # noqa: S608 - of constants
_UNVALIDATED = f"""
SELECT format('%s of %s', conname, conrelid::regclass) FROM pg_constraint k
  JOIN pg_namespace n ON n.oid = connamespace
 WHERE {_OWN} AND NOT convalidated AND conrelid <> 0 ORDER BY 1
"""  # noqa: S608 - of constants
_BLOATED = """
SELECT format('%s.%s', schemaname, relname), n_dead_tup FROM pg_stat_user_tables
 WHERE n_dead_tup > 50000 AND n_dead_tup > n_live_tup ORDER BY n_dead_tup DESC LIMIT 10
"""
_NUMBERS = """
SELECT current_database(),
       (SELECT count(*) FROM pg_largeobject_metadata),
       (SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int,
       (SELECT max(age(datfrozenxid)) FROM pg_database)
"""
_COLLATION = """
SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database
 WHERE datname = current_database()
   AND datcollversion <> pg_database_collation_actual_version(oid)
"""
_STATEMENTS = """
SELECT query, calls, mean_exec_time FROM {schema}.pg_stat_statements
 WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
   AND calls >= 20 AND mean_exec_time >= 250 AND query !~* '^\\s*(copy|vacuum|analyze|create|alter)'
 ORDER BY total_exec_time DESC LIMIT 5
"""


def examine(superuser: Login) -> Health:
    """Look at the database that the login names.

    Raises:
        TenfoldError: out of reach, it broke off, or it does not answer in time.
    """
    try:
        with connect(superuser, within_seconds=5) as connection:
            return of(connection)
    except psycopg.Error as error:
        raise TenfoldError(
            f"the schema of {superuser.database} at {superuser.host}:{superuser.port} could not be"
            " looked at",
            next="tenfold logs postgres   shows what it says",
            detail=str(error).strip(),
        ) from error


def of(connection: Connection) -> Health:
    """As :func:`examine`, over a connection of any role, to PostgreSQL 12 or later.

    What the role may not see is left out. All is one transaction, and nothing of the session is
    changed: behind a pooler the next one would be somebody else's.

    Raises:
        psycopg.Error: it broke off, or it does not answer in time.
    """
    with connection.within(WITHIN_SECONDS), connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        # Names are written with their schema, wherever one looks from.
        connection.execute("SET LOCAL search_path = pg_catalog")
        connection.execute("SET LOCAL lock_timeout = '1s'")
        return _examine(connection)


def _examine(connection: Connection) -> Health:
    numbers = connection.execute(_NUMBERS).fetchone()
    assert numbers is not None
    database, large_objects, used, allowed, age = (str(value) for value in numbers)
    versioned = connection.info.server_version >= COLLATION_VERSIONS
    collation = connection.execute(_COLLATION).fetchone() if versioned else None
    return Health(
        database=database,
        keyless=tuple(Table(n, int(r)) for n, r in _rows(connection, _KEYLESS)),
        unlogged=_names(connection, _UNLOGGED),
        sequences=tuple(
            Sequence(name, column, int(last), int(limit))
            for name, column, last, limit in _rows(connection, _SEQUENCES)
        ),
        foreign_keys=tuple(_foreign_keys(connection)),
        invalid_indexes=_names(connection, _INVALID),
        unvalidated=_names(connection, _UNVALIDATED),
        bloated=tuple(Table(n, int(r)) for n, r in _rows(connection, _BLOATED)),
        slow=tuple(_statements(connection)),
        transactions=transactions(connection),
        large_objects=int(large_objects),
        connections=int(used),
        max_connections=int(allowed),
        oldest_transaction=int(age),
        collation=(str(collation[0]), str(collation[1])) if collation else None,
        extensions=_names(
            connection, "SELECT format('%s %s', extname, extversion) FROM pg_extension ORDER BY 1"
        ),
        pending=_names(connection, "SELECT name FROM pg_settings WHERE pending_restart ORDER BY 1"),
    )


def _rows(connection: Connection, query: str) -> Iterator[tuple[str, ...]]:
    for row in connection.execute(query.encode()):
        yield tuple(str(value) for value in row)


def _names(connection: Connection, query: str) -> tuple[str, ...]:
    return tuple(row[0] for row in _rows(connection, query))


def _foreign_keys(connection: Connection) -> Iterator[ForeignKey]:
    for name, table, columns, other, indexed, rows in connection.execute(_FOREIGN_KEYS.encode()):
        assert isinstance(columns, list)
        yield ForeignKey(
            str(name), str(table), tuple(map(str, columns)), str(other), bool(indexed),
            int(str(rows)),
        )  # fmt: skip


def _statements(connection: Connection) -> Iterator[Statement]:
    """Nothing where the extension is not installed."""
    found = connection.execute(
        "SELECT nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace"
        " WHERE extname = 'pg_stat_statements'"
    ).fetchone()
    if found is None or connection.info.server_version < EXECUTION_TIMES:
        return
    query = sql.SQL(_STATEMENTS).format(schema=sql.Identifier(str(found[0])))
    for text, calls, mean in connection.execute(query):
        yield Statement(shown(str(text), 200), int(str(calls)), float(str(mean)))
