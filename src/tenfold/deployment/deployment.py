"""A deployment, looked at: what is, what was applied, who is at work. Acting is in ``work``."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from tenfold import __version__
from tenfold.agent.metrics import summed
from tenfold.deployment import applied as applied_facts
from tenfold.deployment import deeds, shelf
from tenfold.deployment.journal import open_journal, require_not_lost
from tenfold.deployment.observe import observe
from tenfold.deployment.status import Status, status
from tenfold.drills.kept import FILE as DRILL
from tenfold.engines.nginx.maintenance import FACT as MAINTENANCE
from tenfold.errors import JournalError, Refused, TenfoldError
from tenfold.release import made
from tenfold.release.environment import interpreter
from tenfold.release.running import Here
from tenfold.spec import read
from tenfold.stages import path
from tenfold.state.lock import Holder, Lock, user
from tenfold.targets.local.target import LocalTarget
from tenfold.topology.model import APP, Host
from tenfold.transitions import way
from tenfold.transitions.journal.at_work import Worker
from tenfold.transitions.planner import plan_down
from tenfold.transitions.runner import Listener, Runner
from tenfold.transitions.shown import IN_FRONT, shown_last
from tenfold.transitions.steps import Step, StopHost

if TYPE_CHECKING:
    from tenfold.release.storage import Kept
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout
    from tenfold.topology.observation import Observation
    from tenfold.transitions.journal import MovableJournal
    from tenfold.transitions.way import Crossing, Ended


BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
POSITION = "position"
RESTORED = "restored"
"""Fact: the stage at whose place a database was brought back, for the next ``up`` to start."""
CROSSING = "crossing"
ENDED = "ended_move"
"""Fact: the last move between stages that is over, and when it ended."""
RESTORE = "restore"
MEND_SECONDS = 60.0
"""How long a database is waited for that leads, to remove the table of a drill that was ended."""
"""Fact: a restore in place that is not complete, see :mod:`tenfold.transitions.restoring`."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One app in one folder."""

    layout: Layout
    journal: MovableJournal
    target: LocalTarget
    lock: Lock

    @classmethod
    def open(cls, layout: Layout, *, stale: bool = False) -> Deployment:
        """The deployment of this folder; its ``.tenfold`` is made if it is not there.

        With ``stale``, what the journal says may be as of a while ago when etcd is away.

        Raises:
            Refused: the folder cannot be used.
            JournalError: the journal cannot be read.
        """
        layout.create()
        journal = open_journal(layout, stale=stale)
        target = LocalTarget(layout.state, layout.name, needs=needed(layout))
        stage = path.stage_of(_position(journal.facts(), layout))
        return cls(
            layout=layout,
            journal=journal,
            target=target.named(path.places(stage, target.directories())),
            lock=Lock(layout.lock),
        )

    @classmethod
    def existing(cls, layout: Layout, *, stale: bool = False) -> Deployment:
        """The deployment of this folder; see :meth:`open`.

        Raises:
            Refused: it was never brought up.
            JournalError: it was, and its journal is gone.
        """
        if not layout.exists():
            require_not_lost(layout)
            raise Refused(f"{layout.name} was never brought up", next="tenfold up")
        return cls.open(layout, stale=stale)

    def spec(self) -> AppSpec:
        """The file as it is now. Raises ``SpecError``."""
        return read.load(self.layout.spec, environment=self.layout.environment)

    def default_port(self) -> int:
        """The port of the default environment, as the file has it. Raises ``SpecError``."""
        return read.load(self.layout.spec).edge.port

    def facts(self) -> Mapping[str, Any]:
        """What the journal remembers."""
        return self.journal.facts()

    @property
    def position(self) -> str:
        """Where on the path between stages everything is settled."""
        return _position(self.facts(), self.layout)

    @property
    def crossing(self) -> Crossing | None:
        """The move between stages that is begun and not complete."""
        return way.from_json(self.facts().get(CROSSING))

    @property
    def ended_move(self) -> Ended | None:
        """The last move between stages that is over, if it led to where the app is."""
        ended = way.ended_from_json(self.facts().get(ENDED))
        return ended if ended is not None and ended.stage == self.position else None

    def require_settled(self) -> None:
        """See that no move between stages was cut off on its way.

        Raises:
            Refused: one was; says how it goes on.
        """
        crossing = self.crossing
        if crossing is not None and crossing.final is not None:
            raise Refused(
                f"a {crossing.command} from stage {crossing.home} to {crossing.goal} was cut off",
                next="\n".join(f"tenfold {c}" for c in way.choices(self.position, crossing)),
            )

    def observe(self, target: LocalTarget | None = None, *, silent: bool = False) -> Observation:
        """What is, now; ``target`` may know the hosts by other names.

        Raises:
            TargetError: an agent says nothing, unless that is to be told as well (``silent``).
        """
        return observe(
            target or self.target,
            self.facts(),
            built=shelf.built(self.layout),
            served=shelf.served(self.layout),
            storage=shelf.stored(self.layout, self.facts()),
            pages=self._shown_pages(target or self.target),
            made_pages=shelf.made_pages(self.layout),
            silent=silent,
        )

    def _shown_pages(self, target: LocalTarget) -> str | None:
        """The id of the pages that the edge is led to; what the journal says is not enough."""
        facts = self.facts()
        if not facts.get(IN_FRONT) and self.position not in path.SHOW_PAGES:
            return None
        roots = [target.locate(Host(name)).root for name in target.hosts()]
        return shelf.shown_pages(self.layout, shown_last(facts), roots)

    def status(self) -> Status:
        """What ``tenfold status`` tells."""
        now = self.observe(silent=True)
        return status(
            app=self.layout.project.name,
            now=now,
            applied=applied_facts.from_json(self.facts().get(applied_facts.FACT)),
            last=self.journal.last(),
            holder=self.lock.holder() or self._holder_elsewhere(),
            position=self.position,
            crossing=self.crossing,
            maintenance=self.facts().get(MAINTENANCE),
            restore=self.facts().get(RESTORE),
            environment=self.layout.environment,
            journal_since=self.journal.stale_since,
            pages_of=shelf.release_of_pages(self.layout, now.pages),
        )

    def user_files(self) -> tuple[Kept, ...]:
        """How much the directories hold that outlive releases."""
        return shelf.measured(self.layout, shelf.stored(self.layout, self.facts()))

    def metrics(self, *, silent: Collection[str] = ()) -> Mapping[str, Any]:
        """What the workers measured since they started; empty while nothing runs.

        Hosts that are known to be ``silent`` are not asked.
        """
        answers: list[Mapping[str, Any]] = []
        for host in self.target.hosts():
            agent = self.target.reach(host) if host not in silent else None
            if agent is not None and agent.observe().pool(APP):
                answers.append(agent.metrics(APP))
        return summed(answers)

    def down(self, listener: Listener) -> bool:
        """Stop everything, keep the data; ``False`` if nothing ran. The caller holds the lock."""
        now = self.observe()
        todo = plan_down(now)
        if todo.empty:
            return False
        first, last = etcd_last(now, todo.steps) if self.journal.place else (todo.steps, ())
        try:
            Runner(self.journal, self._stop, listener).run(replace(todo, steps=first))
        except JournalError:  # a full disk must not keep anybody from stopping
            for step in first:
                self._stop(step, lambda _: None)
        self.journal.refresh()
        self.journal.let_others_work()
        for step in last:
            listener.started(step)
            began = time.monotonic()
            self._stop(step, lambda _: None)
            listener.finished(step, time.monotonic() - began)
        return True

    def _stop(self, step: Step, tell: Callable[[str], None]) -> None:
        assert isinstance(step, StopHost)
        self.target.end(step.host)

    @contextmanager
    def working(
        self, command: str, unmended: Callable[[TenfoldError], None] | None = None
    ) -> Iterator[None]:
        """Be the one command that is at work, in this folder and in any other of this deployment.

        What a drill has left broken is mended before anything else, be it etcd.

        Args:
            command: how it is called.
            unmended: is told what could not be mended, for a command that goes on all the same.

        Raises:
            Locked: another one is.
            Refused: this folder is a copy, and the app runs elsewhere.
            StepFailed: what a drill left broken could not be mended.
            JournalError: the journal is in etcd, which does not answer; or nobody can read what a
                drill has broken.
        """
        reason = f"tenfold {command}"
        with self.lock.hold(reason):
            if command != "down":  # which begins nothing
                require_own(self)
            self._mend(command, unmended)
            with self.journal.at_work(worker_of(self.layout, reason)):
                deeds.write_down(self)
                try:
                    yield
                finally:
                    self.journal.refresh()

    def _mend(self, command: str, unmended: Callable[[TenfoldError], None] | None) -> None:
        if not (self.layout.state / DRILL).exists():
            return
        from tenfold.deployment import drill_left  # which mostly nobody needs

        patience = MEND_SECONDS if command == "drill --mend" else 0.0
        try:
            drill_left.mend(self, patience_seconds=patience)
        except TenfoldError as fault:
            if unmended is None:
                raise
            unmended(fault)

    def _holder_elsewhere(self) -> Holder | None:
        if self.journal.place is None:
            return None
        found = self.journal.worker_elsewhere(worker_of(self.layout, ""))
        return None if found is None else found.holder


def worker_of(layout: Layout, reason: str) -> Worker:
    """This command, as others are told."""
    return Worker(
        Holder(os.getpid(), user(), reason, time.time()),
        machine=socket.gethostname(),
        boot=BOOT.read_text().strip() if BOOT.exists() else "",
        folder=str(layout.state.resolve()),
    )


def require_own(deployment: Deployment) -> None:
    """See that the etcd that has the journal is kept on this folder's hosts, where it is one of
    the app's own.

    Raises:
        Refused: it is another folder's, of which this one is a copy.
    """
    place = deployment.journal.place
    if place is None or deployment.position not in path.BY_ITSELF:
        return
    target = deployment.target
    own = {target.locate(Host(name)).address for name in target.hosts()}
    if own.isdisjoint(urlsplit(url).hostname for url in place.urls):
        raise Refused(
            f"{deployment.layout.state} is a copy: the app runs from another folder, whose etcd"
            " has the journal",
            changed="nothing",
            next="give the command in the folder from which the app was brought up;\n"
            "to have a second app of it, remove the copy of .tenfold first",
        )


def etcd_last(
    now: Observation, steps: tuple[Step, ...]
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The stops of hosts without etcd, and then those of hosts with a member: whatever is to be
    written into the journal has to be before these."""
    members = {h.name for h in now.hosts if any(u.engine == "etcd" for u in h.units)}
    last = tuple(s for s in steps if isinstance(s, StopHost) and s.host in members)
    return tuple(s for s in steps if s not in last), last


def _position(facts: Mapping[str, Any], layout: Layout) -> str:
    """Where it is, or where it begins: without an app at its pages."""
    found: str | None = facts.get(POSITION)
    if found is not None:
        return _known(found)
    try:
        spec = read.load(layout.spec, environment=layout.environment)
    except TenfoldError:  # a broken file is told by whoever needs it
        return "10"
    return path.begins_at(spec)


def _known(position: str) -> str:
    if position not in path.ORDER:
        raise JournalError(
            f"the app is at {position} by its journal, which Tenfold {__version__} does not know",
            changed="nothing: whoever served goes on serving",
            next="use the version of Tenfold that brought it there, or a newer one",
        )
    return position


def needed(layout: Layout) -> tuple[Path, ...]:
    """What the app's user has to reach, wherever it is: its interpreter, the place of backups."""
    try:
        spec = read.load(layout.spec, environment=layout.environment)
    except TenfoldError:  # a broken file is told by whoever needs it, not by "down"
        return ()
    backup = spec.database.backup
    place = () if backup is None or backup.in_s3 else (Path(backup.to),)
    with suppress(TenfoldError):
        return (*_interpreter(layout, spec.python), *place)
    return place


def _interpreter(layout: Layout, named: str | None) -> tuple[Path, ...]:
    made_from = None
    if named is None and os.geteuid() == 0:
        made_from = made.python_of(layout.project, made.Caller(os.environ, Here()))
    if made_from is not None:
        return (made_from.path.resolve().parents[1],)
    return (interpreter(layout.project, named),)
