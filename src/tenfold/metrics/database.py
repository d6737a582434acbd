"""What a PostgreSQL server says of itself, asked by the role that may read statistics alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import psycopg

from tenfold.engines.postgresql.hba import MAINTENANCE
from tenfold.engines.postgresql.login import Connection
from tenfold.engines.postgresql.queries import shown
from tenfold.metrics.config import DatabaseLogin
from tenfold.metrics.snapshot import Database, Follower, Slot, Statement

CONNECT_SECONDS: Final = 3
WITHIN_SECONDS: Final = 4.0
STATEMENTS: Final = 20
MAX_ROWS: Final = 50
"""Of slots and followers: more are not allowed to be."""
CHECKPOINTER_SINCE: Final = 170000

_SERVER = """
SELECT NOT pg_is_in_recovery() AS leads,
       current_setting('max_connections')::int AS max_connections,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn AS wal_bytes,
       (SELECT coalesce(sum(size), 0) FROM pg_ls_waldir())::bigint AS wal_kept_bytes,
       CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() <> pg_last_wal_replay_lsn()
            THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
            ELSE 0 END::float8 AS replay_lag_seconds,
       (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)
          FROM pg_stat_activity WHERE backend_type = 'client backend'
           AND pid <> pg_backend_pid())::float8 AS oldest_transaction_seconds,
       current_setting('archive_mode') <> 'off'
         AND current_setting('archive_command') NOT IN ('', 'true') AS archives,
       current_setting('synchronous_standby_names') <> '' AS waits
"""
_CONNECTIONS = """
SELECT coalesce(state, 'unknown'), count(*) FROM pg_stat_activity
 WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1
"""
_DATABASE = """
SELECT pg_database_size(datname) AS size_bytes, xact_commit, xact_rollback, blks_read, blks_hit,
       tup_returned, tup_fetched, tup_inserted, tup_updated, tup_deleted, temp_bytes, deadlocks
  FROM pg_stat_database WHERE datname = %s
"""
_ARCHIVER = """
SELECT archived_count AS archived, failed_count AS archive_failed,
       coalesce(extract(epoch FROM last_archived_time), 0)::float8 AS archived_at,
       coalesce(extract(epoch FROM last_failed_time), 0)::float8 AS archive_failed_at
  FROM pg_stat_archiver
"""
_CHECKPOINTS = """
SELECT num_timed AS checkpoints_timed, num_requested AS checkpoints_requested,
       buffers_written AS checkpoint_buffers FROM pg_stat_checkpointer
"""
_CHECKPOINTS_BEFORE_17 = """
SELECT checkpoints_timed, checkpoints_req AS checkpoints_requested,
       buffers_checkpoint AS checkpoint_buffers FROM pg_stat_bgwriter
"""
_FOLLOWERS = """
SELECT application_name, state, greatest(0, CASE WHEN pg_is_in_recovery() THEN 0
       ELSE coalesce(pg_current_wal_lsn() - replay_lsn, 0) END)::bigint,
       coalesce(sync_state IN ('sync', 'quorum'), false)
  FROM pg_stat_replication ORDER BY 1 LIMIT %s
"""
_SLOTS = """
SELECT slot_name::text, active, coalesce(CASE WHEN pg_is_in_recovery()
       THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END - restart_lsn, 0)::bigint,
       coalesce(wal_status, 'unknown'), safe_wal_size
  FROM pg_replication_slots ORDER BY 1 LIMIT %s
"""
_STATEMENTS = """
SELECT queryid::text, left(query, 1000), calls, total_exec_time / 1000, rows
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
 WHERE d.datname = %s AND queryid IS NOT NULL
 ORDER BY total_exec_time DESC LIMIT %s
"""


def ask(host: str, address: str, port: int, login: DatabaseLogin) -> Database:
    """What the server at this address says; or that it does not let us in, and why.

    A connection of its own each time: a server that is switched, or restarted, has nobody to wait
    for.
    """
    try:
        with (
            Connection.connect(
                host=address,
                port=port,
                user=login.user,
                password=login.password.reveal(),
                dbname=MAINTENANCE,
                connect_timeout=CONNECT_SECONDS,
                application_name="tenfold metrics",
                autocommit=True,
                options=f"-c statement_timeout={int(WITHIN_SECONDS * 1000)} -c jit=off",
            ) as connection,
            connection.within(WITHIN_SECONDS),
        ):
            return _asked(host, connection, login.database)
    except psycopg.Error as error:
        return Database(host, up=False, why=_reason(error))


def _asked(host: str, connection: Connection, database: str) -> Database:
    server = _row(connection, _SERVER)
    of_database = _row(connection, _DATABASE, [database])
    newer = connection.info.server_version >= CHECKPOINTER_SINCE
    checkpoints = _row(connection, _CHECKPOINTS if newer else _CHECKPOINTS_BEFORE_17)
    archiver = _row(connection, _ARCHIVER)
    counted = {k: float(v or 0) for k, v in {**of_database, **checkpoints}.items()}
    size = int(counted.pop("size_bytes", 0))
    states = {str(s): int(str(n)) for s, n in connection.execute(_CONNECTIONS)}
    return Database(
        host=host,
        up=True,
        leads=bool(server["leads"]),
        connections=states,
        max_connections=int(server["max_connections"]),
        size_bytes=size,
        counters=counted,
        wal_bytes=int(server["wal_bytes"] or 0),
        wal_kept_bytes=int(server["wal_kept_bytes"]),
        oldest_transaction_seconds=max(0.0, server["oldest_transaction_seconds"]),
        replay_lag_seconds=max(0.0, server["replay_lag_seconds"] or 0.0),
        waits=bool(server["waits"]),
        archives=bool(server["archives"]),
        archived=int(archiver.get("archived", 0)),
        archive_failed=int(archiver.get("archive_failed", 0)),
        archived_at=float(archiver.get("archived_at", 0.0)),
        archive_failed_at=float(archiver.get("archive_failed_at", 0.0)),
        followers=tuple(
            Follower(str(name), str(state), int(str(lag)), bool(in_sync))
            for name, state, lag, in_sync in connection.execute(_FOLLOWERS, [MAX_ROWS])
        ),
        slots=tuple(
            Slot(str(n), bool(a), int(str(kept)), str(s), None if safe is None else int(str(safe)))
            for n, a, kept, s, safe in connection.execute(_SLOTS, [MAX_ROWS])
        ),
        statements=_statements(connection, database),
    )


def _statements(connection: Connection, database: str) -> tuple[Statement, ...]:
    """The most expensive ones; none where the server was started without the library."""
    try:
        rows = connection.execute(_STATEMENTS, [database, STATEMENTS]).fetchall()
    except psycopg.Error:
        return ()
    return tuple(
        Statement(str(i), shown(str(query)), int(str(calls)), float(str(seconds)), int(str(n)))
        for i, query, calls, seconds, n in rows
    )


def _row(connection: Connection, query: str, values: list[Any] | None = None) -> Mapping[str, Any]:
    cursor = connection.execute(query.encode(), values)
    row = cursor.fetchone()
    if row is None:
        return {}
    names = [column.name for column in cursor.description or ()]
    return dict(zip(names, row, strict=True))


def _reason(error: psycopg.Error) -> str:
    """In a few words, without anything of the connection in it."""
    primary = error.diag.message_primary
    if primary:
        return primary
    return "it does not answer" if isinstance(error, psycopg.OperationalError) else "it broke off"
