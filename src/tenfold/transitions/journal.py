"""The journal: what was intended, what was done, and the facts that outlive a command.

A protocol with compare-and-set and a fencing epoch: whoever begins a transition gets a new epoch,
and a command with an older one can no longer write. On one host it is SQLite with
``synchronous = FULL``, so that an acknowledged entry survives power loss.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from tenfold.errors import JournalError

FORMAT = 1
Outcome = Literal["done", "failed", "backed-out"]

_SCHEMA = """
create table if not exists meta (key text primary key, value text not null) strict;
create table if not exists facts (key text primary key, value text not null) strict;
create table if not exists transitions (
  id integer primary key, kind text not null, steps text not null, epoch integer not null,
  began real not null, ended real, outcome text, message text
) strict;
create table if not exists entries (
  transition integer not null references transitions, position integer not null,
  intended real not null, done real, primary key (transition, position)
) strict;
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One transition as the journal has it. ``position`` is the last step that was intended."""

    id: int
    kind: str
    steps: tuple[dict[str, Any], ...]
    began: float
    ended: float | None
    outcome: str | None
    message: str | None
    position: int | None
    done: tuple[int, ...]


class Journal(Protocol):
    """What the runner needs of a journal. Times are seconds since the epoch."""

    def begin(self, kind: str, steps: tuple[dict[str, Any], ...]) -> int:
        """Record a new transition, take over the fencing epoch; gives its id."""

    @property
    def epoch(self) -> int:
        """The fencing epoch of the transition that was begun here; 0 before."""

    def intend(self, transition: int, position: int, *, done: int | None = None) -> None:
        """Record, durably, that a step is about to be performed, and one before it ``done``."""

    def done(self, transition: int, position: int) -> None:
        """Record, durably, that a step was performed and verified."""

    def end(self, transition: int, outcome: Outcome, message: str | None = None) -> None:
        """Close a transition."""

    def last(self) -> Record | None:
        """The newest transition."""

    def facts(self) -> Mapping[str, Any]:
        """Everything that was set and not removed."""

    def set(self, key: str, value: Any) -> None:
        """Record a fact durably; ``None`` removes it."""


class SqliteJournal:
    """A :class:`Journal` in one file.

    Args:
        path: the database file; made with mode 0600 if it is not there.
        now: the clock, in seconds since the epoch.

    Raises:
        JournalError: the file is no journal, or a newer Tenfold wrote it.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now
        self._epoch: int | None = None
        self._one_writer = threading.RLock()  # steps that run together record their facts
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._db = sqlite3.connect(
                path, timeout=10, isolation_level=None, check_same_thread=False
            )
            # Not the write-ahead mode: to read in that one takes a new file, and "status" has to
            # work on a full disk.
            self._db.execute("pragma synchronous = full")
            if not self._is_made():
                self._db.execute("pragma journal_mode = delete")
                self._db.executescript(_SCHEMA)
                self._db.execute(
                    "insert into meta values ('format', ?) on conflict do nothing", (str(FORMAT),)
                )
            self._check_format()
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"{path} cannot be used as the journal: {error}",
                next=f"look at {path.parent}: disk space, permissions; a copy of the file helps",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(self, kind: str, steps: tuple[dict[str, Any], ...]) -> int:
        """See :class:`Journal`."""
        with self._write() as db:
            (epoch,) = db.execute("select coalesce(max(epoch), 0) + 1 from transitions").fetchone()
            db.execute(
                "update transitions set ended = ?, outcome = 'failed', message = 'interrupted'"
                " where ended is null",
                (self._now(),),
            )
            cursor = db.execute(
                "insert into transitions (kind, steps, epoch, began) values (?, ?, ?, ?)",
                (kind, json.dumps(steps), epoch, self._now()),
            )
            self._epoch = epoch
            return int(cursor.lastrowid or 0)

    @property
    def epoch(self) -> int:
        """See :class:`Journal`."""
        return self._epoch or 0

    def intend(self, transition: int, position: int, *, done: int | None = None) -> None:
        """See :class:`Journal`."""
        with self._write(fenced=True) as db:
            if done is not None:
                self._done(db, transition, done)
            db.execute(
                "insert into entries (transition, position, intended) values (?, ?, ?)"
                " on conflict do update set intended = excluded.intended, done = null",
                (transition, position, self._now()),
            )

    def done(self, transition: int, position: int) -> None:
        """See :class:`Journal`."""
        with self._write(fenced=True) as db:
            self._done(db, transition, position)

    def _done(self, db: sqlite3.Connection, transition: int, position: int) -> None:
        db.execute(
            "update entries set done = ? where transition = ? and position = ?",
            (self._now(), transition, position),
        )

    def end(self, transition: int, outcome: Outcome, message: str | None = None) -> None:
        """See :class:`Journal`."""
        with self._write(fenced=True) as db:
            db.execute(
                "update transitions set ended = ?, outcome = ?, message = ? where id = ?",
                (self._now(), outcome, message, transition),
            )

    def last(self) -> Record | None:
        """See :class:`Journal`."""
        return next(iter(self.history(1)), None)

    def history(self, most: int) -> tuple[Record, ...]:
        """The newest transitions, at most so many, the newest first."""
        rows = self._db.execute(
            "select id, kind, steps, began, ended, outcome, message from transitions"
            " order by id desc limit ?",
            (most,),
        ).fetchall()
        return tuple(map(self._record, rows))

    def _record(self, row: tuple[Any, ...]) -> Record:
        entries = self._db.execute(
            "select position, done from entries where transition = ? order by position", (row[0],)
        ).fetchall()
        return Record(
            id=row[0],
            kind=row[1],
            steps=tuple(json.loads(row[2])),
            began=row[3],
            ended=row[4],
            outcome=row[5],
            message=row[6],
            position=entries[-1][0] if entries else None,
            done=tuple(position for position, done in entries if done is not None),
        )

    def facts(self) -> Mapping[str, Any]:
        """See :class:`Journal`."""
        with self._one_writer:
            rows = self._db.execute("select key, value from facts").fetchall()
        return {key: json.loads(value) for key, value in rows}

    def set(self, key: str, value: Any) -> None:
        """See :class:`Journal`."""
        with self._write(fenced=self._epoch is not None) as db:
            if value is None:
                db.execute("delete from facts where key = ?", (key,))
                return
            db.execute(
                "insert into facts (key, value) values (?, ?)"
                " on conflict do update set value = excluded.value",
                (key, json.dumps(value)),
            )

    @contextlib.contextmanager
    def _write(self, *, fenced: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            with self._one_writer:
                self._db.execute("begin immediate")
                with self._db:
                    if fenced:
                        self._check_epoch()
                    yield self._db
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self._path} could not be written: {error}",
                changed="the step that was about to begin was not begun",
                next="make room or mend the permissions, then give the command again",
            ) from error

    def _check_epoch(self) -> None:
        (newest,) = self._db.execute("select coalesce(max(epoch), 0) from transitions").fetchone()
        if newest != self._epoch:
            raise JournalError(
                "another command has taken over this deployment meanwhile",
                next="tenfold status",
            )

    def _is_made(self) -> bool:
        """Whether the schema is there; its last table is made last."""
        query = "select 1 from sqlite_schema where name = 'entries'"
        made = self._db.execute(query).fetchone() is not None
        return made and self._db.execute("select 1 from meta").fetchone() is not None

    def _check_format(self) -> None:
        (value,) = self._db.execute("select value from meta where key = 'format'").fetchone()
        if value != str(FORMAT):
            raise JournalError(
                f"{self._path} has format {value}, this Tenfold knows format {FORMAT}",
                next="use the version of Tenfold that wrote it, or a newer one",
            )
