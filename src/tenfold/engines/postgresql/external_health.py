"""How a PostgreSQL of the user's own is run and what is in it, as its own login may see it.

Nothing is written or locked, and nothing of a session is changed: there may be a pooler between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import psycopg

from tenfold.engines.local import is_private
from tenfold.engines.postgresql import health
from tenfold.engines.postgresql.external import (
    ANSWER_SECONDS,
    Address,
    connected,
    masked,
    unreachable,
)
from tenfold.engines.postgresql.health import Health
from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused

UNSAFE: Final = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that let a crash lose what was acknowledged, when they are off."""

_UNSAFE_NOW: Final = """
SELECT name || ' = ' || setting FROM pg_settings
 WHERE name = ANY(%s) AND setting = 'off' ORDER BY 1
"""
_ARCHIVE: Final = """
SELECT current_setting('archive_mode') <> 'off',
       to_char(last_failed_time, 'YYYY-MM-DD HH24:MI TZ'),
       coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false)
  FROM pg_stat_archiver
"""
_EXTENSIONS: Final = "SELECT name FROM pg_available_extensions"


@dataclass(frozen=True, slots=True)
class Examined:
    """What is seen of it.

    Attributes:
        private: its address is one of a private network.
        unsafe: settings by which a crash loses what was acknowledged: ``fsync = off``.
        archives: it hands its log to an archive.
        failing: since when the archive takes nothing, if it does not.
        extensions: those that its installation has.
        health: of the database and its schema.
    """

    private: bool
    unsafe: tuple[str, ...]
    archives: bool
    failing: str | None
    extensions: frozenset[str]
    health: Health


def examine(address: Address) -> Examined:
    """Ask it.

    Raises:
        Refused: it cannot be reached, it broke off, or it does not answer in time.
    """
    try:
        with connected(address) as connection:
            connection.prepare_threshold = None
            with connection.within(ANSWER_SECONDS):
                archive = connection.execute(_ARCHIVE).fetchone()
                assert archive is not None
                unsafe = _texts(connection, _UNSAFE_NOW, [*UNSAFE])
                extensions = frozenset(_texts(connection, _EXTENSIONS))
            return Examined(
                private=is_private(connection.info.hostaddr),
                unsafe=unsafe,
                archives=bool(archive[0]),
                failing=str(archive[1]) if archive[2] else None,
                extensions=extensions,
                health=health.of(connection),
            )
    except psycopg.OperationalError as error:
        raise unreachable(address, error) from None
    except psycopg.Error as error:
        raise Refused(
            f"your database {address.place} could not be looked at",
            detail=masked(str(error), address),
        ) from None


def _texts(connection: Connection, query: str, *values: object) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in connection.execute(query.encode(), values or None))
