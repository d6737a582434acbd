"""The journal of a deployment, wherever it is, and its way between a file and etcd.

The file is where everybody begins: as long as it has no *mark* it is the journal; its mark names
the one in etcd that is, by a *generation* of its own. So the journal moves in the moment in which
the file's mark is written or removed, one transaction of SQLite, and whoever is killed before or
after it leaves exactly one:

================================  =====================  ==========================
there                             file                   etcd
================================  =====================  ==========================
before                            the journal            whatever
copying (nobody else writes)      the journal            copying, copied
the mark is written               copy as of now         copied: the journal
after                             copy                   live: the journal
================================  =====================  ==========================

================================  =====================  ==========================
back                              file                   etcd
================================  =====================  ==========================
before                            copy                   live: the journal
leaving (nobody else writes)      copy                   leaving: the journal
the mark is removed               the journal            leaving
after                             the journal            left
================================  =====================  ==========================

All of it happens within one exclusive transaction of the file, so nobody who was killed on the way
back is taken for one who is only slow: who finds ``leaving`` and gets that transaction goes on in
etcd. A command that has the file open and an older epoch can write into neither.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tenfold.errors import JournalError
from tenfold.transitions.journal.model import Moved, Outcome, Record, overtaken
from tenfold.transitions.journal.sqlite import EPOCHS_LOST, SqliteJournal
from tenfold.transitions.pause import stop_point

if TYPE_CHECKING:
    from tenfold.etcd import Access, Client
    from tenfold.transitions.journal.at_work import AtWork, Worker
    from tenfold.transitions.journal.etcd import EtcdJournal

Answer = TypeVar("Answer")
WITHIN_SECONDS: Final = 8.0
"""For one read or write in etcd: longer than an election there, shorter than a hold."""
COPY_SECONDS: Final = 3.0
"""The same where a copy will do."""
COPIED: Final = 20
"""Transitions of which the copy knows."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in etcd a journal is, or shall be."""

    urls: tuple[str, ...]
    prefix: str


class MovableJournal:
    """A :class:`~tenfold.transitions.journal.Journal` in a file or in etcd.

    Args:
        path: of the file.
        access: as whom members of etcd at these URLs are asked; by default as nobody.
        stale: whether reads may be answered from the copy when etcd does not answer; then
            :attr:`stale_since` tells as of when.
        within: bound of one read or write in etcd, in seconds; by default 8, with ``stale`` 3.
        now: the clock, in seconds since the epoch.

    Raises:
        JournalError: the file is no journal, or a newer Tenfold wrote it.
    """

    def __init__(
        self,
        path: Path,
        *,
        access: Callable[[tuple[str, ...]], Access] | None = None,
        stale: bool = False,
        within: float | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.file = SqliteJournal(path, now=now)
        self.stale_since: float | None = None
        self._access = access
        self._stale = stale
        self._within = within or (COPY_SECONDS if stale else WITHIN_SECONDS)
        self._now = now
        self._epoch: int | None = None
        self._etcd: tuple[str, EtcdJournal] | None = None
        self._written = False
        self._away = False
        self._closed = False
        self._opening = threading.Lock()
        self._worker: Worker | None = None
        self._at_work: AtWork | None = None

    def close(self) -> None:
        """See :class:`Journal`. What was written here is in the copy then, if that can be."""
        self.refresh()
        self._closed = True
        self._let_go()
        self.file.close()

    @property
    def place(self) -> Place | None:
        """Where in etcd it is; ``None``: it is the file."""
        told = self.file.mark()
        return None if told is None else _place(told)

    @property
    def former(self) -> Place | None:
        """Where in etcd it was the last time; ``None``: it never was."""
        told = self.file.former()
        return None if told is None else _place(told)

    # Who is at work

    @contextlib.contextmanager
    def at_work(self, worker: Worker) -> Iterator[None]:
        """Be the only command that is, wherever the others are given, for as long as the journal
        is in etcd: also where it comes there or leaves while the block runs.

        A stale one that etcd does not answer works all the same: it begins nothing.

        Raises:
            Locked: another one is.
            JournalError: nobody knows.
        """
        mark = self.file.mark()
        if mark is not None and self.stale_since is None:
            self._work(mark, worker)
        self._worker = worker
        try:
            yield
        finally:
            self._worker = None
            self.let_others_work()

    def let_others_work(self) -> None:
        """Be at work no more, before etcd is stopped."""
        if self._at_work is not None:
            self._at_work.close()
            self._at_work = None

    def worker_elsewhere(self, but: Worker) -> Worker | None:
        """Who is at work in another folder, as far as etcd says so."""
        from tenfold.etcd import EtcdError
        from tenfold.transitions.journal.at_work import worker_in

        mark = self.file.mark()
        if mark is None or self.stale_since is not None:
            return None
        try:
            found = worker_in(self._in_etcd(mark).client, mark["prefix"])
        except EtcdError:
            return None
        return None if found is None or found.is_beside(but) else found

    def _work(self, mark: Mapping[str, Any], worker: Worker) -> None:
        from tenfold.transitions.journal.at_work import AtWork
        from tenfold.transitions.journal.etcd import told

        if self._at_work is None:
            with told("nothing; the site goes on serving"):
                self._at_work = AtWork(self._client(mark), mark["prefix"], worker)

    # What the runner does

    @property
    def epoch(self) -> int:
        """See :class:`Journal`."""
        return self._epoch or 0

    def begin(self, kind: str, steps: tuple[dict[str, Any], ...]) -> int:
        """See :class:`Journal`."""
        begun = self._there(lambda journal: (journal.begin(kind, steps), journal.epoch))
        self._epoch = begun[1]
        self.refresh()  # so that the copy, too, says what is under way
        return begun[0]

    def intend(self, transition: int, position: int, *, done: int | None = None) -> None:
        """See :class:`Journal`."""
        self._there(lambda journal: journal.intend(transition, position, done=done))

    def done(self, transition: int, position: int) -> None:
        """See :class:`Journal`."""
        self._there(lambda journal: journal.done(transition, position))

    def end(self, transition: int, outcome: Outcome, message: str | None = None) -> None:
        """See :class:`Journal`."""
        self._there(lambda journal: journal.end(transition, outcome, message))
        self.refresh()

    def skip_epochs(self) -> bool:
        """See :class:`SqliteJournal`; ``False`` in etcd, where whoever restores it does that."""
        return self.place is None and self.file.skip_epochs()

    def set(self, key: str, value: Any) -> None:
        """See :class:`Journal`."""
        self._there(lambda journal: journal.set(key, value))

    # What others are told

    def last(self) -> Record | None:
        """See :class:`Journal`."""
        return self._read(lambda journal: journal.last())

    def history(self, most: int) -> tuple[Record, ...]:
        """See :class:`Journal`."""
        return self._read(lambda journal: journal.history(most))

    def facts(self) -> Mapping[str, Any]:
        """See :class:`Journal`."""
        return self._read(lambda journal: journal.facts())

    def check(self) -> None:
        """See that it can be read where it is. Raises ``JournalError``: it cannot."""
        self._wherever(lambda journal: journal.last())

    # Moving

    def move(self, place: Place | None) -> None:
        """Have the journal there from now on; ``None``: in the file. Fine if it is there already.

        Raises:
            JournalError: it stays where it was.
        """
        mark = self.file.mark()
        if place is None:
            if mark is not None:
                self._move_to_file(mark)
            with contextlib.suppress(JournalError):  # nobody writes there, and a later move says so
                self._finish_leaving()
        elif mark is None:
            self._finish_leaving()
            self._move_to_etcd(place)
        elif mark["prefix"] != place.prefix:
            raise JournalError(f"the journal is in etcd already, under {mark['prefix']}")
        else:
            self._let_go()
            self._mark_anew({**mark, "urls": list(place.urls)})

    def restore(self, place: Place, *, over_another: bool = False) -> None:
        """Make the copy in the file the journal in etcd, where that lost its data.

        What was written since the copy is lost; a command that is at work is overtaken.

        Args:
            place: where it was.
            over_another: also where another journal is there now and in use, as after etcd was
                restored from elsewhere; that one is lost.

        Raises:
            JournalError: nothing is different then.
        """
        mark = self.file.mark()
        self._let_go()
        former = mark["generation"] if over_another and mark is not None else None
        self._move_to_etcd(place, epochs_lost=EPOCHS_LOST, instead_of=former)

    def refresh(self) -> None:
        """Have what was written here in the copy, too, if the journal is in etcd and answers."""
        if self._closed or self._away or not self._written:
            return
        # An older copy is as true as a new one, and tells how old it is.
        with contextlib.suppress(JournalError, sqlite3.Error):
            mark = self.file.mark()
            if mark is None:
                return
            contents, sequence = self._in_etcd(mark).contents(COPIED)
            with self.file.exclusive():
                if self.file.mark() == mark:
                    self.file.replace(contents, sequence)
            self._written = False

    def _move_to_etcd(
        self, place: Place, *, epochs_lost: int = 0, instead_of: str | None = None
    ) -> None:
        generation = secrets.token_hex(8)
        mark = {"urls": list(place.urls), "prefix": place.prefix, "generation": generation}
        with self.file.exclusive():
            contents = self.file.contents()
            if self._epoch not in (None, contents.epoch):
                raise overtaken()
            journal = self._in_etcd(mark)
            journal.fill(contents, contents.epoch, lost=epochs_lost, instead_of=instead_of)
            if self._worker is not None:
                self._work(mark, self._worker)
            stop_point("MoveJournal.copied")
            self.file.put_mark(mark)
            self.file.put_copied(0)
        stop_point("MoveJournal.marked")
        journal.become("live", "copied")

    def _mark_anew(self, mark: Mapping[str, Any]) -> None:
        """The same journal, at members that were not all there before."""
        journal = self._in_etcd(mark)
        with self.file.exclusive():
            if (self.file.mark() or {}).get("generation") != mark["generation"]:
                raise Moved("the journal was moved meanwhile", next="give the command again")
            journal.become("live", "copied", "leaving")
            self.file.put_mark(mark)

    def _move_to_file(self, mark: Mapping[str, Any]) -> None:
        journal = self._in_etcd(mark)
        with self.file.exclusive():
            if self.file.mark() != mark:
                raise Moved("the journal was moved meanwhile", next="give the command again")
            journal.leave()
            stop_point("MoveJournal.leaving")
            try:
                contents, _ = journal.contents()
                self.file.put_mark(None)
                self.file.replace(contents)
                self.file.put_left(mark)
            except BaseException:
                with contextlib.suppress(JournalError):  # else whoever writes next does it
                    journal.become("live", "leaving")
                raise
        stop_point("MoveJournal.left")
        self.let_others_work()

    def _finish_leaving(self) -> None:
        """Tell etcd that the journal is gone from there; the file knows from where."""
        left = self.file.left()
        if left is not None:
            with contextlib.suppress(Moved):  # it was told
                self._in_etcd(left).become("left", "leaving")
            with self.file.exclusive():
                self.file.put_left(None)
        self._let_go()

    # Where it is

    def _there(self, do: Callable[[SqliteJournal | EtcdJournal], Answer]) -> Answer:
        if self.stale_since is not None:
            raise JournalError(
                "the journal is in etcd, which did not answer a moment ago",
                changed="nothing: the site goes on serving; what was read is from a copy, and"
                " nothing is begun from that",
                next="give the command again",
            )
        answer = self._wherever(do)
        self._written = True
        return answer

    def _read(self, look: Callable[[SqliteJournal | EtcdJournal], Answer]) -> Answer:
        if self.stale_since is not None:
            return look(self.file)
        try:
            return self._wherever(look)
        except JournalError:
            copied = self.file.copied()
            if not self._stale or copied is None:
                raise
            self.stale_since = copied
            return look(self.file)

    def _wherever(self, do: Callable[[SqliteJournal | EtcdJournal], Answer]) -> Answer:
        try:
            answer = do(self._now_there())
        except Moved:
            self._go_on_where_it_is()
            answer = do(self._now_there())
        except JournalError as error:
            self._away = self._etcd is not None and error.__cause__ is not None
            raise
        self._away = False
        return answer

    def _now_there(self) -> SqliteJournal | EtcdJournal:
        mark = self.file.mark()
        if mark is not None:
            return self._in_etcd(mark)
        if self._epoch is not None:
            self.file.take(self._epoch)
        return self.file

    def _go_on_where_it_is(self) -> None:
        """If somebody was killed while moving it out of etcd, it is there still."""
        with self.file.exclusive():
            mark = self.file.mark()
            if mark is not None:
                self._in_etcd(mark).become("live", "leaving", "copied")

    def _in_etcd(self, mark: Mapping[str, Any]) -> EtcdJournal:
        with self._opening:
            if self._etcd is None or self._etcd[0] != mark["generation"]:
                self._let_go()
                self._etcd = (mark["generation"], self._opened(mark))
            return self._etcd[1]

    def _opened(self, mark: Mapping[str, Any]) -> EtcdJournal:
        from tenfold.transitions.journal.etcd import EtcdJournal

        place = _place(mark)
        journal = EtcdJournal(
            self._client(mark),
            place.prefix,
            mark["generation"],
            floor=self.file.newest_epoch(),
            now=self._now,
        )
        if self._epoch is not None:
            journal.take(self._epoch)
        return journal

    def _client(self, mark: Mapping[str, Any]) -> Client:
        from tenfold.etcd import Access, Client

        return Client((self._access or Access)(_place(mark).urls), within=self._within)

    def _let_go(self) -> None:
        if self._etcd is not None:
            self._etcd[1].close()
            self._etcd = None


def _place(mark: Mapping[str, Any]) -> Place:
    return Place(tuple(mark["urls"]), mark["prefix"])
