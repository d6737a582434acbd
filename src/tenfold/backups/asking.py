"""What the keeper asks the server beside it. Short questions, each with a bound."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tenfold.backups import names
from tenfold.backups.config import Config
from tenfold.backups.copying import Server
from tenfold.backups.deciding import Sample

STATEMENT_MS = 5000
CONNECT_SECONDS = 5
_SEEN = """
SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
       (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size'),
       current_setting('server_version_num')::int,
       EXISTS (SELECT FROM pg_roles WHERE rolname = %s AND rolreplication AND rolcanlogin)
"""
_SAMPLE = """
SELECT pg_current_wal_insert_lsn() - '0/0',
       pg_snapshot_xmax(s)::text::bigint, pg_snapshot_xmin(s) = pg_snapshot_xmax(s),
       pg_walfile_name(pg_current_wal_insert_lsn()), coalesce(last_archived_wal, '')
  FROM pg_current_snapshot() s, pg_stat_archiver
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The server at a moment. Of a follower there is no sample; ``archived`` is the end of the last
    segment of its timeline that it knows to be in the archive, 0 if it knows of none. Before roles
    are arranged it cannot be copied."""

    leads: bool
    system: int
    server: Server
    can_copy: bool
    sample: Sample | None = None
    timeline: int = 0
    archived: int = 0


class Asking:
    """A session that is opened again when it broke."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._session: psycopg.Connection[tuple[object, ...]] | None = None

    def look(self) -> Seen:
        """The server as it is now. Raises ``psycopg.Error`` where it does not answer."""
        try:
            return self._look(self._connected())
        except psycopg.Error:
            self.close()
            raise

    def end_segment(self) -> None:
        """Have the log go on in another segment, so that this one is archived.

        Raises ``psycopg.Error``.
        """
        self._connected().execute("SELECT pg_switch_wal()")

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _connected(self) -> psycopg.Connection[tuple[object, ...]]:
        if self._session is None or self._session.closed:
            self._session = psycopg.connect(
                host=self._config.sockets,
                port=self._config.port,
                user=self._config.superuser,
                dbname="postgres",
                passfile=self._config.passfile,
                connect_timeout=CONNECT_SECONDS,
                application_name="tenfold backup",
                options=f"-c statement_timeout={STATEMENT_MS}",
                autocommit=True,
            )
        return self._session

    def _look(self, session: psycopg.Connection[tuple[object, ...]]) -> Seen:
        row = session.execute(_SEEN, [self._config.replication]).fetchone()
        assert row is not None
        follows, can_copy = row[0], bool(row[4])
        system, segment, version = (int(str(v)) for v in row[1:4])
        server = Server(segment, f"{version // 10000}.{version % 10000}")
        if follows:
            return Seen(False, system, server, can_copy)
        at = time.time()  # before it is asked: what was acknowledged by now lies before its answer
        found = session.execute(_SAMPLE).fetchone()
        assert found is not None
        following, quiet, segment_now, last = found[1:]
        position = names.content_end(int(str(found[0])), segment)
        sample = Sample(at, position, int(str(following)), bool(quiet))
        archived = (
            names.end_of(str(last), segment) if names.is_segment(str(last), str(segment_now)) else 0
        )
        timeline = int(str(segment_now)[:8], 16)
        return Seen(True, system, server, can_copy, sample, timeline, archived)


def system_of(data: Path) -> int:
    """The identifier of the cluster in a data directory: what its control file begins with.

    Raises ``OSError``.
    """
    with (data / "global" / "pg_control").open("rb") as file:
        return int.from_bytes(file.read(8), "little")


def waiting(data: Path) -> tuple[int, int, int]:
    """How many files wait to be archived, their bytes, and the bytes free on their disk."""
    log = data / "pg_wal"
    count = total = 0
    for ready in (log / "archive_status").glob("*.ready"):
        count += 1
        try:
            total += (log / ready.stem).stat().st_size
        except FileNotFoundError:
            continue
    room = os.statvfs(log)
    return count, total, room.f_bavail * room.f_frsize
