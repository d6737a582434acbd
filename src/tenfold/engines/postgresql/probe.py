"""What a PostgreSQL server is doing, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from tenfold.engines.postgresql.login import Login, connect
from tenfold.errors import TenfoldError


@dataclass(frozen=True, slots=True)
class ClusterState:
    """One moment of a server.

    ``lsn`` is where its log ends: written on a leader, replayed on a follower.
    ``connections`` counts clients, this probe not among them. ``size_bytes`` is all databases.
    ``oldest_transaction_seconds`` is the age of the oldest open transaction, 0.0 if there is none:
    while it is open, nothing that died since can be cleaned up.
    """

    version: str
    system_identifier: str
    started_at: datetime
    in_recovery: bool
    timeline: int
    lsn: str
    connections: int
    max_connections: int
    size_bytes: int
    oldest_transaction_seconds: float
    unarchived_segments: int
    checksum_failures: int


_QUERY = """
SELECT split_part(current_setting('server_version'), ' ', 1),
       (SELECT system_identifier FROM pg_control_system())::text,
       pg_postmaster_start_time(),
       pg_is_in_recovery(),
       (SELECT timeline_id FROM pg_control_checkpoint()),
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
            ELSE pg_current_wal_flush_lsn() END::text,
       (SELECT count(*) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       current_setting('max_connections')::int,
       (SELECT sum(pg_database_size(oid)) FROM pg_database)::bigint,
       (SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)
          FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid())::float8,
       (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
       (SELECT coalesce(sum(checksum_failures), 0) FROM pg_stat_database)::bigint
"""


def observe(superuser: Login) -> ClusterState:
    """Ask the server, as superuser.

    Raises:
        TenfoldError: out of reach, or it broke off.
    """
    with connect(superuser) as connection:
        try:
            row = connection.execute(_QUERY).fetchone()
        except psycopg.Error as error:
            raise TenfoldError(
                f"PostgreSQL at {superuser.host}:{superuser.port} broke off",
                next="tenfold logs   shows what it says",
                detail=str(error).strip(),
            ) from error
    assert row is not None
    return ClusterState(*row)  # type: ignore[arg-type]
