"""What a leader says of itself before somebody else is to take over, as one frozen value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import psycopg

from tenfold.engines.postgresql.login import Connection, Login, connect
from tenfold.engines.postgresql.queries import shown
from tenfold.engines.postgresql.replication import Slot, slots
from tenfold.errors import TenfoldError


@dataclass(frozen=True, slots=True)
class Transaction:
    """An open transaction of a client, or a prepared one.

    ``query`` is the last that was sent in it, ``waiting`` how many sessions wait for its locks.
    """

    who: str
    seconds: float
    query: str = ""
    waiting: int = 0

    def __str__(self) -> str:
        """One line, without the values in the query."""
        told = f"{self.who}, since {self.seconds:.0f} s"
        if self.waiting:
            told += f", {self.waiting} {'waits' if self.waiting == 1 else 'wait'} for it"
        return f"{told}: {shown(self.query)}" if self.query else told


@dataclass(frozen=True, slots=True)
class Facts:
    """One server, all its databases; see :func:`gather`.

    ``settings`` are in the server's own units. ``libraries`` maps a library that functions or the
    server itself load to a place that needs it. ``data_bytes`` is all databases, ``log_bytes`` the
    write-ahead log as it lies there.
    """

    version: str
    settings: Mapping[str, str]
    senders: int
    slots: tuple[Slot, ...]
    prepared: tuple[Transaction, ...]
    transactions: tuple[Transaction, ...]
    unlogged: tuple[str, ...]
    libraries: Mapping[str, str]
    tablespaces: tuple[str, ...]
    publications: tuple[str, ...]
    subscriptions: tuple[str, ...]
    data_bytes: int
    log_bytes: int


SETTINGS = (
    "wal_level",
    "data_checksums",
    "max_replication_slots",
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_wal_size",
)

_PRELOADED = """
SELECT trim(both '" ' FROM library), name FROM pg_settings,
       regexp_split_to_table(setting, ',') library
 WHERE name IN ('shared_preload_libraries', 'session_preload_libraries',
                'local_preload_libraries') AND trim(library) <> ''
"""
_TRANSACTIONS = """
WITH blocked AS MATERIALIZED (
       SELECT unnest(pg_blocking_pids(pid)) AS by FROM pg_stat_activity
        WHERE wait_event_type = 'Lock')
SELECT format('%s in %s, process %s, %s', coalesce(usename, backend_type), datname, pid, state),
       extract(epoch FROM clock_timestamp() - xact_start)::float8, query,
       (SELECT count(*) FROM blocked WHERE by = pid)
  FROM pg_stat_activity
 WHERE xact_start IS NOT NULL AND backend_type = 'client backend' AND pid <> pg_backend_pid()
 ORDER BY xact_start
"""
_PREPARED = """
SELECT format('%s of %s in %s', gid, owner, database),
       extract(epoch FROM clock_timestamp() - prepared)::float8, '', 0
  FROM pg_prepared_xacts ORDER BY prepared
"""
_UNLOGGED = """
SELECT format('%s.%s', n.nspname, relname) FROM pg_class c
  JOIN pg_namespace n ON n.oid = relnamespace
 WHERE relpersistence = 'u' AND relkind IN ('r', 'S') AND NOT (relkind = 'S' AND EXISTS (
       -- The sequence of an unlogged table's column goes without saying.
       SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
          AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')))
 ORDER BY 1
"""
_LIBRARIES = "SELECT DISTINCT probin FROM pg_proc WHERE probin LIKE '$libdir/%'"
_SUBSCRIPTIONS = """
SELECT format('%s in %s', subname, datname) FROM pg_subscription
  JOIN pg_database d ON d.oid = subdbid ORDER BY 1
"""
_TABLESPACES = """
SELECT format('%s in %s', spcname, pg_tablespace_location(oid)) FROM pg_tablespace
 WHERE pg_tablespace_location(oid) <> '' ORDER BY 1
"""
_BYTES = """
SELECT (SELECT sum(pg_database_size(oid)) FROM pg_database)::bigint,
       (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())::bigint,
       (SELECT count(*) FROM pg_stat_replication)
"""


def gather(superuser: Login) -> Facts:
    """Ask a server and each of its databases.

    Raises:
        TenfoldError: out of reach, or it broke off.
    """
    try:
        with connect(superuser) as connection:
            return _gather(connection, superuser)
    except psycopg.Error as error:
        raise TenfoldError(
            f"PostgreSQL at {superuser.host}:{superuser.port} broke off",
            next="tenfold logs   shows what it says",
            detail=str(error).strip(),
        ) from error


def databases(connection: Connection) -> tuple[str, ...]:
    """Those that can be connected to."""
    return _texts(connection, "SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1")


def _gather(connection: Connection, superuser: Login) -> Facts:
    found = connection.execute(
        "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(SETTINGS)]
    )
    settings = {str(name): str(value) for name, value in found}
    libraries = {str(name): str(where) for name, where in connection.execute(_PRELOADED)}
    unlogged: list[str] = []
    publications: list[str] = []
    for name in databases(connection):
        with connect(replace(superuser, database=name)) as inside:
            unlogged += (f"{name}: {table}" for table in _texts(inside, _UNLOGGED))
            published = _texts(inside, "SELECT pubname FROM pg_publication ORDER BY 1")
            publications += (f"{publication} in {name}" for publication in published)
            for library in _texts(inside, _LIBRARIES):
                libraries.setdefault(library.removeprefix("$libdir/"), f"database {name}")
    sizes = connection.execute(_BYTES).fetchone()
    assert sizes is not None
    data_bytes, log_bytes, senders = (int(str(value)) for value in sizes)
    return Facts(
        version=connection.info.parameter_status("server_version") or "",
        settings=settings,
        senders=senders,
        slots=slots(connection),
        prepared=tuple(_transactions(connection, _PREPARED)),
        transactions=transactions(connection),
        unlogged=tuple(unlogged),
        libraries=libraries,
        tablespaces=_texts(connection, _TABLESPACES),
        publications=tuple(publications),
        subscriptions=_texts(connection, _SUBSCRIPTIONS),
        data_bytes=data_bytes,
        log_bytes=log_bytes,
    )


def transactions(connection: Connection) -> tuple[Transaction, ...]:
    """The open ones, the oldest first; as superuser."""
    return tuple(_transactions(connection, _TRANSACTIONS))


def _transactions(connection: Connection, asked: str) -> Iterator[Transaction]:
    for who, seconds, query, waiting in connection.execute(asked.encode()):
        yield Transaction(str(who), float(str(seconds)), str(query), int(str(waiting)))


def _texts(connection: Connection, query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(query.encode()))
