"""The keeper's life: put the log away as the server brings it, look at the server, copy it in time.

There is one beside each server, because the log is archived wherever it is: leader and followers
bring the same files, and a change of leader leaves no gap. Only beside the leader are copies made.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from tenfold.agent.diary import say
from tenfold.backups import archiving, copying, deciding, names, trying
from tenfold.backups.asking import Asking, Seen, system_of, waiting
from tenfold.backups.catalogue import Backup, look, marked
from tenfold.backups.config import Config, read
from tenfold.backups.faults import Fault
from tenfold.backups.orders import Orders
from tenfold.backups.seal import Sealer
from tenfold.backups.state import State, load, save, told
from tenfold.backups.store import Store, open_store

LOOK_EVERY_SECONDS = 5.0
MARK_EVERY_SECONDS = 20.0
LATE_SECONDS = 40.0
"""So much later than the server ends a segment by itself."""
QUICK_REFUSAL_SECONDS = 10.0
"""For so long after the place did not answer it is not asked again: a server that stops asks three
times in a row, and must not wait three times."""


class Keeper:
    """Beside one server. All methods may be called from any thread."""

    def __init__(self, config: Config, store: Store) -> None:
        self.config = config
        self.store = store
        self.sealer = Sealer(config.destination.key)
        self._asking = Asking(config)
        self._guard = threading.Lock()
        self._copying = threading.Lock()
        self._checking = threading.Lock()
        self._saving = threading.Lock()
        self._samples: tuple[deciding.Sample, ...] = ()
        self._timeline = 0
        self._archived: dict[int, int] = {}
        self._segment_bytes = 0
        self._server: copying.Server | None = None
        self._refusal: tuple[float, Fault] | None = None
        self._can_copy = False
        self._marked = 0.0
        self._marked_timeline = 0
        self._last: Backup | None = None
        self._judged = ("", 0)
        self._leads = True
        self._switched = 0.0
        known = load(config.state)
        self._state = replace(
            known,
            copying=False,
            checking=False,
            place=store.place,
            encrypted=self.sealer.key is not None,
        )

    @property
    def state(self) -> State:
        """What is known now."""
        with self._guard:
            return self._state

    @property
    def lineage(self) -> str:
        """The cluster's folder. Raises ``Fault``."""
        try:
            return names.lineage(self.config.app, system_of(self.config.data))
        except OSError as error:
            raise Fault("own", f"there is no cluster yet: {error.strerror}") from error

    def archive(self, path: Path) -> None:
        """Put a file of the log away, by the server's order. Raises ``Fault``."""
        now = time.time()
        if self._refusal is not None and now < self._refusal[0] + QUICK_REFUSAL_SECONDS:
            raise self._refusal[1]
        try:
            archiving.archive(self.store, self.sealer, self.lineage, path)
        except Fault as fault:
            if fault.kind == "unreachable":
                self._refusal = time.time(), fault
            self._fails(fault)
            raise
        self._arrived(path.name)

    def look(self) -> None:
        """Look at the server and remember how everything stands."""
        try:
            seen = self._asking.look()
        except (psycopg.Error, OSError):
            self._change(role="unknown", looked_at=time.time(), **_waiting(self.config))
            return
        self._server, self._segment_bytes = seen.server, seen.server.segment_bytes
        self._can_copy = seen.can_copy
        self._change(
            role="leader" if seen.leads else "follower",
            looked_at=time.time(),
            **_waiting(self.config),
        )
        if seen.leads:
            self._reckon(seen)

    def due(self) -> bool:
        """Whether a copy is due, and can be made."""
        state = self.state
        due = deciding.next_backup(
            state.backup_ended if self._leads_here() else 0.0,
            self.config.every_seconds,
            state.backup_failures,
            state.backup_attempt,
        )
        able = state.role == "leader" and self._can_copy and not self._copying.locked()
        return able and due <= time.time()

    def copy(self, tell: Callable[[str], None]) -> Backup:
        """Copy everything, now. Raises ``Fault``."""
        if self._server is None or self.state.role != "leader":
            raise Fault("own", "the database does not lead, or does not answer", "tenfold status")
        if not self._copying.acquire(blocking=False):
            raise Fault("own", "a backup is being made already", "wait for it: tenfold status")
        try:
            self._change(copying=True, copying_since=time.time())
            made = copying.take(
                self.config, self.store, self.sealer, self.lineage, self._server, tell
            )
            self._made(made)
            self._let_go(made.lineage)
            return made
        except (Fault, OSError) as error:
            fault = error if isinstance(error, Fault) else Fault("own", str(error))
            say(f"no backup: {fault.what}")
            self._change(
                backup_fault=told(fault),
                backup_failures=self.state.backup_failures + 1,
                backup_attempt=time.time(),
            )
            raise fault from error
        finally:
            self._change(copying=False)
            self._copying.release()

    def _leads_here(self) -> bool:
        """Whether the log that is written now can be replayed into the last backup; looked at once
        for each timeline. After a restore in place it may be of the history that was given up."""
        last, timeline = self._last, self._timeline
        if last is None or not timeline:
            return True
        if (last.id, timeline) != self._judged:
            try:
                left = archiving.forks_of(self.store, self.sealer, last.lineage, timeline)
            except Fault:
                return True  # what is wrong is told elsewhere; this is asked again
            if timeline > 1 and not left:
                return True  # its beginning is not in the archive yet
            self._leads = deciding.leads_to(last, timeline, left)
            self._judged = last.id, timeline
        return self._leads

    def check_due(self) -> bool:
        """Whether the newest backup is to be tried again, and can be."""
        state = self.state
        due = deciding.next_check(
            max(state.checked_at, state.backup_ended if not state.checked_at else 0.0),
            self.config.check_seconds,
            bool(state.check_fault),
            state.check_attempt,
        )
        tried = state.role == "leader" and state.backup_ended and not self._checking.locked()
        return bool(tried) and due <= time.time()

    def check(self, tell: Callable[[str], None]) -> dict[str, Any]:
        """Restore the newest backup beside the site and compare it. Raises ``Fault``."""
        if self.state.role != "leader":
            raise Fault("own", "the database does not lead, or does not answer", "tenfold status")
        if not self._checking.acquire(blocking=False):
            raise Fault("own", "a backup is being tried already", "wait for it: tenfold status")
        try:
            self._change(checking=True, check_attempt=time.time())
            found = trying.apart(self.config, self.lineage, tell)
            say(f"backup {found['backup']} brings everything back: {found['tables']} tables")
            self._change(checked=found, checked_at=time.time(), check_fault={})
            return found
        except Fault as fault:
            say(f"the newest backup did not pass: {fault.what}")
            self._change(check_fault=told(fault))
            raise
        finally:
            self._change(checking=False)
            self._checking.release()

    def catch_up(self) -> None:
        """Learn from the place which backups there are: another server's keeper may have made the
        last one. Raises ``Fault``."""
        backups = look(self.store, self.lineage).backups
        if backups:
            self._known(backups[-1])

    def _let_go(self, lineage: str) -> None:
        try:
            gone = copying.let_go(self.store, lineage, self.config.keep_seconds, time.time())
        except Fault as fault:  # the backup is there all the same; the next one tries again
            say(f"what is too old stays: {fault.what}")
            self._change(clearing_fault=told(fault))
            return
        self._change(clearing_fault={})
        if gone:
            say(f"let go of {', '.join(gone)}")

    def trouble(self, fault: Fault) -> None:
        """Remember that the place could not be asked."""
        self._fails(fault)

    def _made(self, made: Backup) -> None:
        say(f"backup {made.id}: {made.content_bytes} bytes, {made.stored_bytes} where they are")
        self._known(made)
        self._change(backup_fault={}, backup_failures=0, backup_attempt=time.time())

    def _known(self, last: Backup) -> None:
        self._last = last
        self._change(
            backup_id=last.id,
            backup_ended=last.ended,
            backup_bytes=last.content_bytes,
            stored_bytes=last.stored_bytes,
        )

    def _reckon(self, seen: Seen) -> None:
        """Find out up to when everything is in the archive, and say so there, too."""
        assert seen.sample is not None
        with self._guard:
            if seen.timeline != self._timeline:
                self._timeline, self._samples = seen.timeline, ()
            archived = max(seen.archived, self._archived.get(seen.timeline, 0))
            self._samples = deciding.kept((*self._samples, seen.sample), archived)
            at = deciding.recoverable(self._samples, archived)
        known = self.state.recoverable_at
        late = at is None or at <= known
        try:
            if self._marked_timeline != seen.timeline:
                self._mark(known if at is None else max(at, known))
            elif at is not None and at >= self._marked + MARK_EVERY_SECONDS:
                self._mark(at)
        except Fault as fault:
            self._fails(fault)
            return
        if late:
            self._hurry()
            return
        self._change(
            lineage=self.lineage,
            recoverable_at=at,
            archive_fault={},
            archive_failures=0,
            failing_since=0.0,
        )

    def _hurry(self) -> None:
        """Have the server end its segment of the log where it has no reason of its own to: nobody
        wrote since, but this keeper did not watch all the while, or a transaction is open."""
        now = time.time()
        late = now > self.state.recoverable_at + LATE_SECONDS
        if late and now > self._switched + LATE_SECONDS / 2 and not self.state.archive_fault:
            self._switched = now
            with suppress(psycopg.Error):  # the next look tells
                self._asking.end_segment()

    def _mark(self, at: float) -> None:
        if not self._marked_timeline:  # on a new machine the place knows more than this keeper
            at = max(at, marked(self.store, self.lineage)[0])
        text = json.dumps({"recoverable_at": at, "timeline": self._timeline}).encode()
        self.store.put(f"{self.lineage}/{names.MARK}", text, replace=True)
        self._marked, self._marked_timeline = at, self._timeline

    def _arrived(self, name: str) -> None:
        with self._guard:
            if self._segment_bytes and names.is_segment(name, name):
                timeline, end = int(name[:8], 16), names.end_of(name, self._segment_bytes)
                self._archived[timeline] = max(end, self._archived.get(timeline, 0))
        if self.state.archive_fault:
            say(f"{name} is in the archive: it works again")
        self._change(
            archived=name,
            archived_at=time.time(),
            archive_fault={},
            archive_failures=0,
            failing_since=0.0,
        )

    def _fails(self, fault: Fault) -> None:
        state = self.state
        if state.archive_fault.get("what") != fault.what:
            say(f"the archive gets nothing: {fault.what}")
        self._change(
            archive_fault=told(fault),
            archive_failures=state.archive_failures + 1,
            failing_since=state.failing_since or time.time(),
        )

    def _change(self, **changes: object) -> None:
        with self._guard:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
        with self._saving:
            try:
                save(self.config.state, self.state)
            except OSError as error:  # a full disk; what is asked is what is in memory
                say(f"{self.config.state} cannot be written: {error.strerror}")


def keep(config_path: Path) -> None:
    """Keep backups until somebody ends this process.

    Raises:
        OSError, ValueError, KeyError: the configuration cannot be read, or its folder not written.
    """
    config = read(config_path)
    config.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.umask(0o077)
    over = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: over.set())
    keeper = Keeper(config, open_store(config.destination))
    with Orders(Path(config.socket), keeper):
        config.ready.touch()
        say(f"keeps backups in {keeper.store.place}")
        _watch(keeper, over)
    # Whatever a thread is at, an upload for instance, ends with the process: it is not finished, so
    # it does not count.
    os._exit(0)


def _watch(keeper: Keeper, over: threading.Event) -> None:
    caught_up = False
    while not over.is_set():
        keeper.look()
        if keeper.state.role == "leader":
            try:
                if not caught_up:
                    keeper.catch_up()
                    caught_up = True
                if keeper.due():
                    _begin(keeper.copy)
                elif keeper.check_due():
                    _begin(keeper.check)
            except Fault as fault:
                keeper.trouble(fault)
        else:
            caught_up = False
        over.wait(LOOK_EVERY_SECONDS)


def _begin(work: Callable[[Callable[[str], None]], object]) -> None:
    def run() -> None:
        with suppress(Fault):  # remembered, and tried again
            work(lambda _: None)

    threading.Thread(target=run, daemon=True).start()


def _waiting(config: Config) -> dict[str, int]:
    try:
        count, size, free = waiting(config.data)
    except OSError:
        return {}
    return {"waiting": count, "waiting_bytes": size, "free_bytes": free}
