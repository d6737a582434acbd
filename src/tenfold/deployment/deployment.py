"""A deployment: the one object through which commands observe, plan and act."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenfold.deployment import applied as applied_facts
from tenfold.deployment import releases
from tenfold.deployment.aftermath import explain
from tenfold.deployment.intent import Intent, intend
from tenfold.deployment.observe import observe
from tenfold.deployment.status import Status, status
from tenfold.errors import Refused, TenfoldError
from tenfold.release.environment import interpreter
from tenfold.spec import read
from tenfold.state.lock import Lock
from tenfold.targets.local.target import LocalTarget
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.perform import World, perform
from tenfold.transitions.planner import Plan, plan, plan_down
from tenfold.transitions.runner import Listener, Runner
from tenfold.transitions.steps import Step, StopHost

if TYPE_CHECKING:
    from pathlib import Path

    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout
    from tenfold.topology.observation import Observation


@dataclass(frozen=True, slots=True)
class Deployment:
    """One app in one folder."""

    layout: Layout
    journal: SqliteJournal
    target: LocalTarget
    lock: Lock

    @classmethod
    def open(cls, layout: Layout) -> Deployment:
        """The deployment of this folder; its ``.tenfold`` is made if it is not there.

        Raises:
            Refused: the folder cannot be used.
            JournalError: the journal cannot be read.
        """
        layout.create()
        return cls(
            layout=layout,
            journal=SqliteJournal(layout.journal),
            target=LocalTarget(layout.state, layout.project.name, needs=_interpreter(layout)),
            lock=Lock(layout.lock),
        )

    @classmethod
    def existing(cls, layout: Layout) -> Deployment:
        """The deployment of this folder.

        Raises:
            Refused: it was never brought up.
        """
        if not layout.exists():
            raise Refused(f"{layout.project.name} was never brought up", next="tenfold up")
        return cls.open(layout)

    def spec(self) -> AppSpec:
        """The file as it is now. Raises ``SpecError``."""
        return read.load(self.layout.spec)

    def facts(self) -> Mapping[str, Any]:
        """What the journal remembers."""
        return self.journal.facts()

    def observe(self) -> Observation:
        """What is, now."""
        return observe(
            self.target,
            self.facts(),
            built=releases.built(self.layout),
            served=releases.served(self.layout),
        )

    def status(self) -> Status:
        """What ``tenfold status`` tells."""
        return status(
            app=self.layout.project.name,
            now=self.observe(),
            applied=applied_facts.from_json(self.facts().get(applied_facts.FACT)),
            last=self.journal.last(),
            holder=self.lock.holder(),
        )

    def metrics(self) -> Mapping[str, Any]:
        """What the workers measured since they started; empty while nothing runs."""
        for host in self.target.hosts():
            agent = self.target.reach(host)
            pools = {u.pool for u in agent.observe().units if u.pool} if agent else set()
            for pool in pools:
                assert agent is not None
                return agent.metrics(pool)
        return {}

    def intend(
        self, *, port: int | None = None, release: str | None = None, renew: bool = False
    ) -> Intent:
        """What the file, the project and the machine amount to: the goal of the next plan.

        Args:
            port: the edge's port; remembered from then on.
            release: a built release, with the ``tenfold.toml`` that it was built with.
            renew: replace the workers even if the right release serves.
        """
        spec = releases.spec_of(self.layout, release) if release else self.spec()
        facts = self.facts()
        chosen = port if port is not None else facts.get("port")
        if chosen is not None:
            edge = spec.edge.model_copy(update={"port": chosen})
            spec = spec.model_copy(update={"edge": edge})
        return intend(
            spec, self.layout, self.target, facts, release=release, renew=renew, port=chosen
        )

    def plan(self, kind: str, intent: Intent) -> Plan:
        """The steps from what is to what is intended."""
        return plan(kind, self.observe(), intent.goal)

    def carry_out(self, todo: Plan, intent: Intent, listener: Listener) -> None:
        """Carry a plan out, journaled. The caller holds the lock."""
        world = World(
            blueprint=intent.blueprint,
            target=self.target,
            journal=self.journal,
            releases=intent.releases,
        )
        facts = applied_facts.applied(intent.goal.topology, intent.blueprint.document)
        self.journal.set(applied_facts.FACT, facts.to_json())
        self.journal.set("port", intent.chosen_port)
        self.journal.set("postgresql_major", intent.toolbox.postgresql_major)
        runner = Runner(self.journal, lambda step, tell: perform(step, world, tell), listener)
        try:
            runner.run(todo)
        except TenfoldError as error:
            explain(error, self.journal.last(), self._serving())
            raise

    def _serving(self) -> str | None:
        now = self.status()
        return now.release if now.state in ("running", "degraded", "in-transition") else None

    def down(self, listener: Listener) -> bool:
        """Stop everything, keep the data; ``False`` if nothing ran. The caller holds the lock."""
        todo = plan_down(self.observe())
        if todo.empty:
            return False
        Runner(self.journal, self._stop, listener).run(todo)
        return True

    def _stop(self, step: Step, tell: Callable[[str], None]) -> None:
        assert isinstance(step, StopHost)
        agent = self.target.reach(step.host)
        if agent is not None:
            agent.shutdown()

    @contextmanager
    def working(self, command: str) -> Iterator[None]:
        """Hold the deployment's lock for a command."""
        with self.lock.hold(f"tenfold {command}"):
            yield


def _interpreter(layout: Layout) -> tuple[Path, ...]:
    """The app's interpreter, wherever it is: the app's user has to reach it."""
    with suppress(TenfoldError):  # a broken file is told by whoever needs it, not by "down"
        return (interpreter(layout.project, read.load(layout.spec).python),)
    return ()


def serving(deployment: Deployment) -> Intent:
    """The intent for the release that serves now, for commands that run beside it.

    Raises:
        Refused: nothing serves.
    """
    now = deployment.observe()
    if now.release is None:
        raise Refused("no release serves yet", next="tenfold up")
    intent = deployment.intend(release=now.release)
    placed = replace(intent.blueprint, release=intent.releases.place(now.release))
    return replace(intent, blueprint=placed)
