"""The move between stage 1 and 10: the app comes up beside its published pages, and goes again.

No database changes its place and no request waits: what is switched is the edge, which takes a new
configuration. Prepared is an app that runs and that nobody is led to; after the switch it answers
what no page does. Taken back, the edge shows the pages alone; the app's data stays.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tenfold.deployment import applied as applied_facts
from tenfold.deployment import external, site_facts, work
from tenfold.deployment.app_secrets import FACT as USED_SECRETS
from tenfold.deployment.carrying import add_ways_on, carry_claimed, require_promised
from tenfold.deployment.deployment import CROSSING, ENDED, POSITION
from tenfold.errors import Interrupted, Superseded, TenfoldError
from tenfold.stages.path import WITHOUT_APP, stage_of
from tenfold.state import secrets
from tenfold.transitions import planner, way
from tenfold.transitions import steps as st
from tenfold.transitions.crossing import reached
from tenfold.transitions.perform import World
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.planner import Plan
from tenfold.transitions.shown import IN_FRONT

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.topology.observation import Observation
    from tenfold.transitions.runner import Listener
    from tenfold.transitions.way import Crossing

PAGES_STAGE = "1"


def covers(crossing: Crossing) -> bool:
    """Whether this move is one between the published pages and the app."""
    return PAGES_STAGE in (crossing.home, crossing.goal)


@dataclass(frozen=True, slots=True)
class Leg:
    """The way to one position: what is intended there, and the plan."""

    intent: Intent
    plan: Plan


@dataclass
class Launch:
    """One command's walk; see :class:`tenfold.deployment.cross.Journey`."""

    deployment: Deployment
    listener: Listener
    evidence: Evidence = field(default_factory=Evidence)

    def go(self, crossing: Crossing, *, promised: Mapping[str, Any] | None = None) -> None:
        """Go to where the command is to end.

        Raises:
            TenfoldError: not reached; says what changed and what next.
        """
        journal = self.deployment.journal
        route = way.route(crossing, self.deployment.position)
        todo = leg(self.deployment, route[0], crossing)  # what cannot be planned is not begun
        journal.set(CROSSING, crossing.to_json())
        for at in route:
            if at != route[0]:
                todo = leg(self.deployment, at, crossing)
            self._reach(at, todo, crossing, promised)
        site_facts.tell(todo.intent)
        left = way.arrived(at, crossing)
        if left is None:
            journal.set(ENDED, way.Ended.of(crossing, at, time.time()).to_json())
        journal.set(CROSSING, left.to_json() if left else None)

    def _reach(
        self, name: str, todo: Leg, crossing: Crossing, promised: Mapping[str, Any] | None
    ) -> None:
        if promised is not None:
            require_promised(promised, name, todo.plan)
        intent = todo.intent
        secrets.remember(self.deployment.layout.secrets, intent.taken)
        site_facts.tell(intent, crossing.command)
        try:
            self._run(todo)
        except (TenfoldError, KeyboardInterrupt) as error:
            raise _told(error, crossing) from error
        journal = self.deployment.journal
        facts = applied_facts.applied(intent.goal.topology, intent.blueprint.document)
        journal.set(applied_facts.FACT, replace(facts, stage=stage_of(name)).to_json())
        if name not in WITHOUT_APP:
            if intent.database_url is None:
                journal.set("postgresql_major", intent.toolbox.postgresql_major)
            journal.set(external.FACT, external.wanted(intent))
            journal.set(USED_SECRETS, intent.secret_versions)
        journal.set(POSITION, name)
        if name == crossing.far and crossing.home == PAGES_STAGE:
            journal.set(IN_FRONT, True)
        elif name == PAGES_STAGE:
            journal.set(IN_FRONT, None)

    def _run(self, todo: Leg) -> None:
        if todo.plan.empty:
            return
        world = World(
            blueprint=todo.intent.blueprint,
            target=todo.intent.target,
            journal=self.deployment.journal,
            releases=todo.intent.releases,
            evidence=self.evidence,
            pages=work.keeper_of(self.deployment, todo.intent),
        )
        # What was prepared stays for "resume".
        carry_claimed(world, todo.intent.target, todo.plan, self.listener, takes_back=False)


def leg(deployment: Deployment, name: str, crossing: Crossing) -> Leg:
    """Look, and plan the way to one position.

    Raises:
        TenfoldError: the file, the project or the machine does not allow it.
    """
    intent = _intended(deployment, name)
    return Leg(intent, _planned(name, crossing, deployment.observe(intent.target), intent))


def expected(deployment: Deployment, crossing: Crossing) -> list[tuple[str, Leg]]:
    """The way to every position, from the second on as it is expected to be."""
    legs: list[tuple[str, Leg]] = []
    now: Observation | None = None
    for name in way.route(crossing, deployment.position):
        intent = _intended(deployment, name)
        seen = now or deployment.observe(intent.target)
        legs.append((name, Leg(intent, _planned(name, crossing, seen, intent))))
        now = _afterwards(intent)
    return legs


def _afterwards(intent: Intent) -> Observation:
    """What will be seen once everything has gone well."""
    goal = intent.goal
    return replace(
        reached(goal).now,
        pages=goal.pages,
        made_pages=(goal.pages,) if goal.pages else (),
        migrated=(goal.release,) if goal.release else (),
        storage=tuple(intent.spec.storage.dirs),
    )


def _intended(deployment: Deployment, name: str) -> Intent:
    """Of an app that serves the release that serves; the project as it is where none does."""
    here = deployment.position
    runs = name not in WITHOUT_APP and here not in WITHOUT_APP
    running = deployment.observe().release if runs else None
    intent = work.intend(deployment, release=running, position=name)
    intent = external.looked_at(deployment, intent)
    if intent.goal.pages is None:
        intent = work.with_new_pages(deployment, intent)
    return intent


def _planned(name: str, crossing: Crossing, now: Observation, intent: Intent) -> Plan:
    todo = planner.plan(crossing.command, now, intent.goal)
    if crossing.home != PAGES_STAGE or name != crossing.prepared or crossing.command == "reverse":
        return todo
    return replace(todo, steps=(*todo.steps, _comparison(intent)))


def _comparison(intent: Intent) -> st.ComparePages:
    """With the published site where the file says where that is, else with what is shown here."""
    from tenfold.export.making import site_of  # with whatever exports pages

    spec, document = intent.spec, intent.blueprint.document
    names = spec.edge.own_names
    site = site_of(spec.static.url, names[0] if names else None)
    shown = document.url or ""
    published = spec.static.url if spec.publish is not None and spec.static.url else shown
    return st.ComparePages(
        pool=intent.goal.topology.app_pool.path,
        published=published.rstrip("/"),
        site=f"{site.scheme}://{site.host}{site.prefix}",
    )


def _told(error: BaseException, crossing: Crossing) -> BaseException:
    told = error if isinstance(error, TenfoldError) else Interrupted(crossing.command)
    if isinstance(told, Superseded):
        return told
    told.changed = told.changed or "nothing for your users: they see what they saw before"
    add_ways_on(told, crossing.command)
    return told
