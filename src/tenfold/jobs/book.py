"""The book of runs: what was begun, for which slot, and what became of it. One SQLite file.

A run is written down, durably, before it begins, and a slot can be in the book once: whoever is
killed, at whatever moment, no slot is run a second time.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tenfold.jobs.config import Job

FORMAT: Final = 1
KEEP: Final = 200
"""Runs of a job that are remembered."""
FILE: Final = "runs.db"
Outcome = Literal["done", "failed", "timed out", "cut off", "missed"]
BAD: Final = ("failed", "timed out", "cut off")

_SCHEMA: Final = """
begin;
create table jobs (
    name text primary key, told text not null, since real not null, last real not null
);
create table runs (
    id integer primary key autoincrement, job text not null, slot real, began real not null,
    ended real, seconds real, outcome text, code integer, release text, by text,
    missed integer not null default 0, note text, mark text,
    unique (job, slot)
);
create index runs_of_a_job on runs (job, id);
create table requests (
    id integer primary key autoincrement, job text not null, by text not null, asked real not null,
    run integer
);
pragma user_version = 1;
commit;
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, or slots that were missed: then ``missed`` tells how many, ``slot`` being the last.

    ``slot`` is ``None`` for a run that ``by`` asked for. Without an ``outcome`` it goes on.
    ``mark`` is in the environment of all its processes.
    """

    id: int
    job: str
    slot: float | None
    began: float
    ended: float | None
    seconds: float | None
    outcome: Outcome | None
    code: int | None
    release: str | None
    by: str | None
    missed: int
    note: str | None
    mark: str | None

    def to_json(self) -> dict[str, Any]:
        """As data."""
        data = asdict(self)
        del data["mark"]
        return data


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody wants a run now; ``run`` is the one that it became."""

    id: int
    job: str
    by: str
    asked: float
    run: int | None


class Book:
    """The runs of one deployment's jobs.

    Raises:
        sqlite3.Error, OSError: from every method: the disk is full, or the file is no book.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / FILE
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        # Not the write-ahead mode: whoever only looks must not need to write.
        self._db.execute("pragma journal_mode = delete")
        self._db.execute("pragma synchronous = full")
        (made,) = self._db.execute("pragma user_version").fetchone()
        if made == 0:
            self._db.executescript(_SCHEMA)
        elif made != FORMAT:
            raise sqlite3.DatabaseError(f"{path} has format {made}, not {FORMAT}")

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # What is kept

    def declare(self, jobs: Iterable[Job], now: float) -> None:
        """Keep these jobs from now on, and no others. One that is new, or has another schedule than
        before, owes nothing from the time before."""
        with self._write() as db:
            names = []
            for job in jobs:
                names.append(job.name)
                told = json.dumps(job.to_json(), sort_keys=True)
                row = db.execute("select told from jobs where name = ?", (job.name,)).fetchone()
                if row is None or _schedule(json.loads(row[0])) != _schedule(job.to_json()):
                    db.execute(
                        "insert into jobs values (?, ?, ?, ?) on conflict do update set"
                        " told = excluded.told, since = excluded.since, last = excluded.last",
                        (job.name, told, now, now),
                    )
                else:
                    db.execute("update jobs set told = ? where name = ?", (told, job.name))
            marks = ", ".join("?" * len(names))
            db.execute(f"delete from jobs where name not in ({marks})", names)  # noqa: S608

    def jobs(self) -> tuple[dict[str, Any], ...]:
        """The jobs that are kept, as they were told, with ``last``."""
        rows = self._db.execute("select told, last from jobs order by name").fetchall()
        return tuple({**json.loads(told), "last": last} for told, last in rows)

    def last(self, job: str) -> float:
        """Up to when everything has been dealt with."""
        (last,) = self._db.execute("select last from jobs where name = ?", (job,)).fetchone()
        return float(last)

    # Runs

    def move(self, job: str, last: float) -> None:
        """Everything up to there has been dealt with."""
        with self._write() as db:
            _move(db, job, last)

    def miss(self, job: str, slot: float, count: int, now: float, note: str) -> None:
        """So many slots were missed, this one being the last of them."""
        with self._write() as db:
            db.execute(
                "insert into runs (job, slot, began, ended, seconds, outcome, missed, note)"
                " values (?, ?, ?, ?, 0, 'missed', ?, ?) on conflict do nothing",
                (job, slot, now, now, count, note),
            )

    def begin(self, job: str, slot: float, now: float, *, release: str, mark: str) -> int | None:
        """A run for this slot is about to begin; ``None`` if the slot is in the book already."""
        with self._write() as db:
            cursor = db.execute(
                "insert into runs (job, slot, began, release, mark) values (?, ?, ?, ?, ?)"
                " on conflict do nothing",
                (job, slot, now, release, mark),
            )
            _move(db, job, slot)
            return cursor.lastrowid if cursor.rowcount else None

    def end(
        self,
        run: int,
        outcome: Outcome,
        now: float,
        *,
        seconds: float | None = None,
        code: int | None = None,
        note: str | None = None,
    ) -> None:
        """It is over."""
        with self._write() as db:
            db.execute(
                "update runs set ended = ?, outcome = ?, seconds = ?, code = ?, note = ?"
                " where id = ? and outcome is null",
                (now, outcome, seconds, code, note, run),
            )
            (job,) = db.execute("select job from runs where id = ?", (run,)).fetchone()
            db.execute(
                "delete from runs where job = ? and outcome is not null and id <= ("
                "select id from runs where job = ? order by id desc limit 1 offset ?)",
                (job, job, KEEP),
            )

    def open(self) -> tuple[Run, ...]:
        """Runs that have begun and not ended."""
        return self._runs("outcome is null order by id", ())

    def run(self, run: int) -> Run | None:
        """One run."""
        return next(iter(self._runs("id = ?", (run,))), None)

    def history(self, job: str, most: int) -> tuple[Run, ...]:
        """The newest runs of a job, the newest first."""
        return self._runs("job = ? order by id desc limit ?", (job, most))

    # Requests

    def ask(self, job: str, by: str, now: float) -> int:
        """Somebody wants a run now; gives the request's number."""
        with self._write() as db:
            statement = "insert into requests (job, by, asked) values (?, ?, ?)"
            return int(db.execute(statement, (job, by, now)).lastrowid or 0)

    def requests(self) -> tuple[Request, ...]:
        """Those that nobody has taken up, the oldest first."""
        query = "select id, job, by, asked, run from requests where run is null order by id"
        return tuple(Request(*row) for row in self._db.execute(query))

    def request(self, request: int) -> Request | None:
        """One request; ``None`` once it was withdrawn."""
        query = "select id, job, by, asked, run from requests where id = ?"
        row = self._db.execute(query, (request,)).fetchone()
        return None if row is None else Request(*row)

    def take_up(self, request: Request, now: float, *, release: str, mark: str) -> int | None:
        """A run for this request is about to begin; ``None`` if it was withdrawn."""
        with self._write() as db:
            query = "select 1 from requests where id = ? and run is null"
            if db.execute(query, (request.id,)).fetchone() is None:
                return None
            run = db.execute(
                "insert into runs (job, began, release, by, mark) values (?, ?, ?, ?, ?)",
                (request.job, now, release, request.by, mark),
            ).lastrowid
            db.execute("update requests set run = ? where id = ?", (run, request.id))
            db.execute("delete from requests where id <= ? - ?", (request.id, KEEP))
            return run

    def withdraw(self, request: int) -> bool:
        """Nobody wants it any more; ``False`` if it became a run."""
        with self._write() as db:
            statement = "delete from requests where id = ? and run is null"
            return db.execute(statement, (request,)).rowcount > 0

    def _runs(self, where: str, values: tuple[Any, ...]) -> tuple[Run, ...]:
        columns = ", ".join(Run.__dataclass_fields__)
        rows = self._db.execute(f"select {columns} from runs where {where}", values)  # noqa: S608
        return tuple(Run(*row) for row in rows)

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("begin immediate")
        with self._db:
            yield self._db


def _move(db: sqlite3.Connection, job: str, last: float) -> None:
    db.execute("update jobs set last = ? where name = ?", (last, job))


def _schedule(told: Mapping[str, Any]) -> tuple[Any, ...]:
    return told["every_seconds"], told["cron"], told["timezone"]
