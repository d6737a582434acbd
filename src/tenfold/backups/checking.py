"""Does the newest backup bring everything back? Restored beside the site, compared, thrown away."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg

from tenfold.backups import archiving, catalogue, names, restoring
from tenfold.backups.config import Config
from tenfold.backups.deciding import fitting
from tenfold.backups.faults import Fault
from tenfold.backups.restoring import Wish
from tenfold.backups.seal import Sealer
from tenfold.backups.store import Store
from tenfold.engines.postgresql.counting import Pace, Table, begin, count, tables, written
from tenfold.engines.postgresql.facts import databases
from tenfold.engines.postgresql.login import Connection, Login, connect
from tenfold.errors import TenfoldError
from tenfold.secret import Secret

Tell = Callable[[str], None]
FOLDER = "check"
DATABASE_SECONDS = 6 * 3600.0
ARCHIVE_SECONDS = 180.0
LOOK_SECONDS = 0.2
ROOM_FACTOR = 1.2
STATISTICS_SECONDS = 1.1
"""PostgreSQL tells what was written once a second at most."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What was compared: ``tables`` with ``rows`` of the copy; ``changing`` ones were written to
    meanwhile, so that their counts are only known to be within what was written."""

    backup: str
    tables: int
    rows: int
    changing: int
    last: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Count:
    rows: int
    written: int


def check(config: Config, store: Store, lineage: str, tell: Tell) -> Checked:
    """Restore the newest backup with all of the log, compare it with the database that runs.

    Raises:
        Fault: it is damaged (names what), or not the same, or it could not be tried.
    """
    began = time.monotonic()
    backup, timeline = _newest(store, lineage, Sealer(config.destination.key))
    work = config.folder / FOLDER
    shutil.rmtree(work, ignore_errors=True)
    _require_room(config, backup)
    live = Login(config.sockets, config.port, config.superuser, _password(config), "postgres")
    with _clearly():
        before = dict(_counts(live, tell))
        _archived(live, tell)
    sealer = Sealer(config.destination.key)
    wish = Wish(lineage, backup, None, config.superuser, timeline=timeline)
    data = work / "cluster"
    try:
        restoring.unpack(store, sealer, wish, data, config.programs, tell)
        found = restoring.recovered(store, sealer, wish, data, config.programs, tell)
        with found as (place, restored), _clearly():
            copy = replace(live, host=place, port=5432)
            rows, changing = _compare(before, dict(_counts(copy, tell)), live)
            tell("looking at every page of tables and indexes")
            _amcheck(config, place)
        tell("comparing every page with its checksum")
        _checksums(config, str(data))
        tell("user files")
        restoring.unpack_files(store, sealer, wish, work / "storage")
    finally:
        shutil.rmtree(work, ignore_errors=True)
    seconds = time.monotonic() - began
    return Checked(backup.id, len(before), rows, changing, restored.last, seconds)


def _newest(store: Store, lineage: str, sealer: Sealer) -> tuple[catalogue.Backup, int]:
    """And the history that the server is writing now."""
    found = catalogue.look(store, lineage)
    if found.unreadable:
        raise Fault("damaged", f"{found.unreadable[-1]}: its description cannot be read")
    if not found.backups:
        raise Fault("missing", f"there is no backup in {store.place} yet", "tenfold db backup")
    left = archiving.forks_of(store, sealer, lineage, found.timeline)
    backup = fitting(found.backups, None, found.timeline, left)
    if backup is None:
        raise Fault(
            "missing",
            "there is no backup yet of the history that the database has now",
            "tenfold db backup",
        )
    return backup, found.timeline


def _require_room(config: Config, backup: catalogue.Backup) -> None:
    needed = int(ROOM_FACTOR * (backup.content_bytes + backup.storage_bytes))
    config.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(config.folder).free
    if free < needed:
        raise Fault(
            "own",
            f"a trial needs {needed >> 20} MiB beside the database, and {free >> 20} are free",
            "make room there; or restore on another machine:  tenfold db restore --into DIR",
        )


def _password(config: Config) -> Secret:
    """The superuser's, from the file of passwords; it has no colon or backslash in it."""
    with open(config.passfile) as file:
        for line in file:
            user, _, password = line.rstrip("\n").rpartition(":")
            if user.endswith(f":{config.superuser}"):
                return Secret(password)
    raise Fault("own", f"{config.passfile} has no password of {config.superuser}")


def _counts(who: Login, tell: Tell) -> Iterator[tuple[str, _Count]]:
    """Rows of every table but PostgreSQL's own, and what was ever written to it, by its name."""
    deadline = time.monotonic() + DATABASE_SECONDS
    pace = Pace()
    with connect(who) as session:
        found = databases(session)
    for name in found:
        with connect(replace(who, database=name)) as session:
            begin(session, deadline=deadline)
            for table in tables(session):
                if table.is_catalog or table.schema == "pg_toast":
                    continue
                tell(f"counting {table.name}")
                counted = _count(session, table, pace, deadline)
                if counted is not None:
                    yield str(table), counted


def _count(session: Connection, table: Table, pace: Pace, deadline: float) -> _Count | None:
    """Nothing for a table that is gone by now."""
    try:
        marked = written(session, table)
        rows = count(session, table, pace, deadline=deadline)
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.errors.DataCorrupted as error:
        raise Fault("damaged", f"{table}: {error.diag.message_primary}") from error
    return None if marked is None else _Count(rows, marked)


def _archived(live: Login, tell: Tell) -> None:
    """Wait until all that was counted is in the archive."""
    tell("waiting until the archive has all that was counted")
    deadline = time.monotonic() + ARCHIVE_SECONDS
    with connect(live) as session:
        row = session.execute(_END).fetchone()
        assert row is not None
        position, size = int(str(row[0])), int(str(row[1]))
        session.execute("SELECT pg_switch_wal()")
        while time.monotonic() < deadline:
            last = session.execute(_LAST).fetchone()
            name = str(last[0]) if last is not None else ""
            there = names.end_of(name, size) if names.is_segment(name, name) else 0
            if there >= names.content_end(position, size):
                return
            time.sleep(LOOK_SECONDS)
    raise Fault("unreachable", "what was counted did not get into the archive", "tenfold status")


_LAST = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
_END = """
SELECT pg_current_wal_insert_lsn() - '0/0', setting::bigint FROM pg_settings
 WHERE name = 'wal_segment_size'
"""


def _compare(before: dict[str, _Count], copy: dict[str, _Count], live: Login) -> tuple[int, int]:
    """Rows and how many tables changed meanwhile. Equal counts are equal; others have to be
    explained by what was written to the live table in between. Raises ``Fault``."""
    differ = {name for name, found in before.items() if copy.get(name, _GONE).rows != found.rows}
    time.sleep(STATISTICS_SECONDS if differ else 0.0)
    after = dict(_counts(live, lambda _: None)) if differ else {}
    for name in sorted(differ):
        if name not in after:
            continue  # dropped meanwhile
        if name not in copy:
            raise Fault("damaged", f"{name} is not in the restored copy")
        most = after[name].written - before[name].written
        ends = before[name].rows, after[name].rows
        if not min(ends) - most <= copy[name].rows <= max(ends) + most:
            raise Fault(
                "damaged",
                f"{name} has {copy[name].rows} rows in the restored copy, {ends[0]} in the database"
                f" that runs, and {most} were written meanwhile",
            )
    return sum(found.rows for found in copy.values()), len(differ)


_GONE = _Count(-1, 0)


def _amcheck(config: Config, place: str) -> None:
    said = restoring.run(
        [
            config.programs / "pg_amcheck",
            *("--all", "--install-missing", "--heapallindexed", "--no-password"),
            *(f"--host={place}", "--port=5432", f"--username={config.superuser}"),
        ]
    )
    if said is not None:
        raise Fault("damaged", f"the restored copy is damaged: {said}", "take an earlier backup")


def _checksums(config: Config, data: str) -> None:
    said = restoring.run([config.programs / "pg_checksums", "--check", "--pgdata", data])
    if said is not None:
        raise Fault("damaged", f"the restored copy is damaged: {said}", "take an earlier backup")


@contextmanager
def _clearly() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, TenfoldError) as error:
        raise Fault("own", f"the comparison broke off: {error}".strip(), "tenfold logs") from error
