"""A short history of figures, in SQLite: ten seconds for two hours, five minutes for two weeks.

Nothing else depends on it. What a full disk does not take is lost and counted; a file that is no
database any more is set aside. It is not synced: that would take time from the disks that the site
writes to, and what a power cut costs is a history.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tenfold.metrics.points import Point

FINE_SECONDS: Final = 10
COARSE_SECONDS: Final = 300
FINE_KEPT_SECONDS: Final = 2 * 3600
COARSE_KEPT_SECONDS: Final = 14 * 86_400
MAX_BYTES: Final = 16 << 20
_PAGE_BYTES: Final = 4096
WAIT_SECONDS: Final = 2.0
PEAKS: Final = ("p50_ms", "p95_ms", "p99_ms", "app_p95_ms", "units_down", "database_lag_bytes")
"""Of these the greatest is kept for five minutes, of the others the mean."""

_SCHEMA: Final = """
create table if not exists names (id integer primary key, name text not null unique) strict;
create table if not exists points (
  step integer not null, name integer not null references names, at integer not null,
  value real not null, primary key (step, name, at)
) strict, without rowid;
"""
_COARSE: Final = """
insert or replace into points (step, name, at, value)
select {coarse}, points.name, at / {coarse} * {coarse},
       case when names.name in ({peaks}) then max(value) else avg(value) end
  from points join names on names.id = points.name
 where step = {fine} and at >= ? and at < ? group by points.name, at / {coarse}
""".format(
    coarse=COARSE_SECONDS,
    fine=FINE_SECONDS,
    peaks=", ".join(f"'{name}'" for name in PEAKS),
)  # constants


class History:
    """The history that is written, up to ``max_bytes``. One writer; see :func:`read` for others."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path, self._max_bytes = path, max_bytes
        self._connection: sqlite3.Connection | None = None
        self.lost = 0
        self.why = ""

    @property
    def bytes(self) -> int:
        """How large the file is."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def add(self, point: Point) -> bool:
        """Keep the figures of one moment; ``False`` where they could not be kept."""
        try:
            self._add(point)
        except sqlite3.OperationalError as fault:
            self._lose(str(fault))
            return False
        except (sqlite3.DatabaseError, OSError) as fault:
            self._lose(str(fault))
            self._set_aside()
            return False
        self.why = ""
        return True

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def _add(self, point: Point) -> None:
        connection = self._connection = self._connection or _open(self._path, self._max_bytes)
        at = int(point.at)
        with connection:
            connection.executemany(
                "insert or ignore into names (name) values (?)", [(n,) for n in point.values]
            )
            connection.executemany(
                "insert or replace into points (step, name, at, value)"
                " values (?, (select id from names where name = ?), ?, ?)",
                [(FINE_SECONDS, name, at, value) for name, value in point.values.items()],
            )
            self._make_coarse(connection, at)
            for step, kept in (
                (FINE_SECONDS, FINE_KEPT_SECONDS),
                (COARSE_SECONDS, COARSE_KEPT_SECONDS),
            ):
                # What lies in the future was written by a clock that was wrong.
                connection.execute(
                    "delete from points where step = ? and name in (select id from names)"
                    " and (at < ? or at > ?)",
                    (step, at - kept, at + COARSE_SECONDS),
                )

    def _make_coarse(self, connection: sqlite3.Connection, at: int) -> None:
        """Of every five minutes that are over and not yet kept, as one."""
        now = at // COARSE_SECONDS * COARSE_SECONDS
        (last,) = connection.execute(
            "select max(at) from points where step = ?", (COARSE_SECONDS,)
        ).fetchone()
        begin = now - FINE_KEPT_SECONDS if last is None else last + COARSE_SECONDS
        if begin < now:
            connection.execute(_COARSE, (begin, now))

    def _lose(self, why: str) -> None:
        self.lost += 1
        self.why = why
        if self._connection is not None and "locked" not in why:
            self.close()

    def _set_aside(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._path.replace(self._path.with_name(f"{self._path.name}.unreadable"))


def _open(path: Path, max_bytes: int) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=WAIT_SECONDS)
    try:
        # A reader of another user's must find one file, and make none.
        connection.execute("pragma journal_mode = delete")
        connection.execute("pragma synchronous = off")
        connection.execute(f"pragma max_page_count = {max_bytes // _PAGE_BYTES}")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    path.chmod(0o644)
    return connection


@dataclass(frozen=True, slots=True)
class Series:
    """One figure over time: pairs of seconds since the epoch and value, the oldest first."""

    name: str
    step_seconds: int
    points: tuple[tuple[int, float], ...]


def read(path: Path, names: Collection[str], since: float, until: float) -> Mapping[str, Series]:
    """What is kept of these figures; as fine as all of the time is kept. Writes nothing.

    Nothing where there is no history, or none that can be read.
    """
    fine = until - since <= FINE_KEPT_SECONDS
    step = FINE_SECONDS if fine else COARSE_SECONDS
    if not path.is_file() or path.is_symlink():
        return {}
    found: dict[str, Series] = {}
    try:
        with _reading(path) as connection:
            for name in names:
                rows = connection.execute(
                    "select at, value from points where step = ? and at between ? and ?"
                    " and name = (select id from names where name = ?) order by at",
                    (step, int(since), int(until), name),
                ).fetchall()
                found[name] = Series(name, step, tuple((int(at), float(v)) for at, v in rows))
    except sqlite3.Error:  # it is being made, or is none
        return {}
    return found


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS)
    try:
        yield connection
    finally:
        connection.close()
