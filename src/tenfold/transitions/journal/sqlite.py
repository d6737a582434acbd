"""The journal as one file: SQLite with ``synchronous = EXTRA``, so that an acknowledged entry
survives power loss.

When the journal is moved elsewhere, a *mark* in its file says where to. From then on nobody writes
into this file as a journal any more; it is a copy, as of a moment.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tenfold.errors import JournalError
from tenfold.transitions.journal.model import (
    Contents,
    Entry,
    Moved,
    Outcome,
    Record,
    Transition,
    overtaken,
)

FORMAT: Final = 1
MOVED_FORMAT: Final = 2
"""Of a file that is a copy only: a Tenfold that knows no other journals refuses it."""
EPOCHS_LOST: Final = 1000
"""By so many epochs a journal is ahead of the copy from which it was restored."""
PUT_BACK: Final = "put_back"
"""Fact: the newest transition when it was found that the journal was put back from a copy. Up to
that one it may lack what was intended and done."""
KEEP: Final = 100
"""Transitions that go along when the journal is moved."""

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


class SqliteJournal:
    """A :class:`~tenfold.transitions.journal.Journal` in one file.

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
            # With "full", a power loss may undo the removal of the rollback journal, which is the
            # commit: its directory is not synced (sqlite.org/pragma.html#pragma_synchronous).
            self._db.execute("pragma synchronous = extra")
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
            epoch = max(self.newest_epoch(), (self._meta("epochs") or {}).get("lost", 0)) + 1
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
        """See :class:`Journal`."""
        with self._one_writer:
            return tuple(t.record() for t in self._newest(most))

    def _newest(self, most: int) -> Iterator[Transition]:
        rows = self._db.execute(
            "select id, kind, steps, epoch, began, ended, outcome, message from transitions"
            " order by id desc limit ?",
            (most,),
        ).fetchall()
        for id, kind, steps, epoch, began, ended, outcome, message in rows:
            entries = self._db.execute(
                "select position, intended, done from entries where transition = ?"
                " order by position",
                (id,),
            ).fetchall()
            yield Transition(
                id=id,
                kind=kind,
                steps=tuple(json.loads(steps)),
                epoch=epoch,
                began=began,
                ended=ended,
                outcome=outcome,
                message=message,
                entries=tuple(Entry(*entry) for entry in entries),
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
            self._put_fact(key, value)

    def _put_fact(self, key: str, value: Any) -> None:
        self._db.execute(
            "insert into facts (key, value) values (?, ?)"
            " on conflict do update set value = excluded.value",
            (key, json.dumps(value)),
        )

    def skip_epochs(self) -> bool:
        """Have later epochs be higher than any that was given before this was put back from a copy,
        and remember which transitions it had by then.

        Raises:
            JournalError: another command has begun meanwhile.
        """
        with self._write(fenced=True):
            self._put_meta("epochs", {"lost": self.newest_epoch() + EPOCHS_LOST})
            newest = next(t.id for t in self._newest(1))  # fenced, so there is this command's own
            self._put_fact(PUT_BACK, newest)
        return True

    # Moving

    def take(self, epoch: int) -> None:
        """Go on as the command with this epoch, which began when the journal was elsewhere."""
        self._epoch = epoch

    def mark(self) -> Mapping[str, Any] | None:
        """Where the journal is, if it is not here."""
        with self._one_writer:
            return self._meta("moved")

    def copied(self) -> float | None:
        """As of when this is a copy; ``None`` if it is the journal."""
        with self._one_writer:
            told = self._meta("copied")
        return None if told is None else float(told["at"])

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[SqliteJournal]:
        """Nobody else writes meanwhile; what :meth:`contents` gives then stays right until the end.

        What is done by :meth:`put_mark` and :meth:`replace` within is done as one, at the end.
        """
        with self._transaction():
            yield self

    def contents(self) -> Contents:
        """Everything, of transitions the newest hundred."""
        with self._one_writer:
            return Contents(tuple(self._newest(KEEP))[::-1], self.facts())

    def put_mark(self, told: Mapping[str, Any] | None) -> None:
        """Say where the journal is from now on; ``None``: here. Within :meth:`exclusive`."""
        self._put_meta("moved", told)
        kept = FORMAT if told is None else MOVED_FORMAT
        self._db.execute("update meta set value = ? where key = 'format'", (str(kept),))
        if told is None:
            self._put_meta("copied", None)

    def left(self) -> Mapping[str, Any] | None:
        """The mark of a journal that was moved here, and does not know yet that it was."""
        with self._one_writer:
            return self._meta("left")

    def put_left(self, told: Mapping[str, Any] | None) -> None:
        """See :meth:`left`. Within :meth:`exclusive`."""
        self._put_meta("left", told)
        if told is not None:
            self._put_meta("former", told)

    def former(self) -> Mapping[str, Any] | None:
        """The last mark that was here."""
        with self._one_writer:
            return self._meta("former")

    def newest_epoch(self) -> int:
        """The highest epoch that is known here; 0 if nothing was ever begun."""
        with self._one_writer:
            query = "select coalesce(max(epoch), 0) from transitions"
            return int(self._db.execute(query).fetchone()[0])

    def put_copied(self, sequence: int) -> None:
        """Say that this is a copy as of now. Within :meth:`exclusive`."""
        self._put_meta("copied", {"at": self._now(), "sequence": sequence})

    def replace(self, contents: Contents, sequence: int = 0) -> None:
        """Have exactly these contents, unless a later copy is here. Within :meth:`exclusive`."""
        before = self._meta("copied")
        if before is not None and sequence and before["sequence"] > sequence:
            return
        for table in ("entries", "transitions", "facts"):
            self._db.execute(f"delete from {table}")  # noqa: S608 - the names are above
        facts = [(key, json.dumps(value)) for key, value in contents.facts.items()]
        self._db.executemany("insert into facts (key, value) values (?, ?)", facts)
        for t in contents.transitions:
            self._db.execute(
                "insert into transitions (id, kind, steps, epoch, began, ended, outcome, message)"
                " values (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    t.id,
                    t.kind,
                    json.dumps(t.steps),
                    t.epoch,
                    t.began,
                    t.ended,
                    t.outcome,
                    t.message,
                ),
            )
            entries = [(t.id, e.position, e.intended, e.done) for e in t.entries]
            self._db.executemany("insert into entries values (?, ?, ?, ?)", entries)
        if before is not None:
            self.put_copied(sequence)

    def _meta(self, key: str) -> dict[str, Any] | None:
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def _put_meta(self, key: str, told: Mapping[str, Any] | None) -> None:
        self._db.execute("delete from meta where key = ?", (key,))
        if told is not None:
            self._db.execute("insert into meta values (?, ?)", (key, json.dumps(told)))

    # Writing

    @contextlib.contextmanager
    def _write(self, *, fenced: bool = False) -> Iterator[sqlite3.Connection]:
        with self._transaction():
            if self._meta("moved") is not None:
                raise Moved("the journal was moved meanwhile", next="give the command again")
            if fenced:
                self._check_epoch()
            yield self._db

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._one_writer:
                self._db.execute("begin immediate")
                with self._db:
                    yield
        except sqlite3.Error as error:
            raise JournalError(
                f"the journal {self._path} could not be written: {error}",
                changed="the step that was about to begin was not begun",
                next="make room or mend the permissions, then give the command again",
            ) from error

    def _check_epoch(self) -> None:
        if self.newest_epoch() != self._epoch:
            raise overtaken()

    def _is_made(self) -> bool:
        """Whether the schema is there; its last table is made last."""
        query = "select 1 from sqlite_schema where name = 'entries'"
        made = self._db.execute(query).fetchone() is not None
        return made and self._db.execute("select 1 from meta").fetchone() is not None

    def _check_format(self) -> None:
        (value,) = self._db.execute("select value from meta where key = 'format'").fetchone()
        if value not in (str(FORMAT), str(MOVED_FORMAT)):
            raise JournalError(
                f"{self._path} has format {value}, this Tenfold knows format {FORMAT}",
                next="use the version of Tenfold that wrote it, or a newer one",
            )
