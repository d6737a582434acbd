"""Acting on a deployment: intend, plan, carry out. The caller holds the lock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from tenfold import interrupts
from tenfold.deployment import app_secrets, external, leading, ports, shelf, site_facts
from tenfold.deployment import applied as applied_facts
from tenfold.deployment.aftermath import NOT_BEGUN, explain
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent, make_intent
from tenfold.deployment.pages import PageKeeper
from tenfold.deployment.rehearsed import rehearsed
from tenfold.errors import Interrupted, JournalError, Refused, SpecError, TenfoldError, UsageError
from tenfold.release.pages import PageStore
from tenfold.spec.model import AppSpec
from tenfold.stages.path import WITHOUT_APP, stage_of
from tenfold.state import secrets
from tenfold.topology.observation import Observation
from tenfold.transitions import clustering, planner, upgrading
from tenfold.transitions.journal import Journal
from tenfold.transitions.perform import World, perform
from tenfold.transitions.planner import Plan
from tenfold.transitions.runner import Listener, Runner
from tenfold.transitions.shown import shown_last


def intend(
    deployment: Deployment,
    *,
    port: int | None = None,
    release: str | None = None,
    renew: bool = False,
    position: str | None = None,
) -> Intent:
    """What the file, the project and the machine amount to: the goal of the next plan.

    Args:
        deployment: what is wanted of.
        port: the edge's port; remembered from then on.
        release: a built release, with the ``tenfold.toml`` that it was built with.
        renew: replace the workers even if the right release serves.
        position: on the path between stages; default: where the app is.
    """
    layout, facts = deployment.layout, deployment.facts()
    spec = _spec_of(deployment, release) if release else deployment.spec()
    if layout.rehearsal is not None:  # nobody's jobs may be done a second time, mail be sent twice
        spec = spec.model_copy(update={"workers": {}, "jobs": {}})
    chosen = port if port is not None else facts.get("port")
    if chosen is None and layout.environment and not release:
        chosen = ports.own(spec.edge, deployment.default_port())
    if chosen is not None:
        spec = spec.model_copy(update={"edge": spec.edge.model_copy(update={"port": chosen})})
        _require_two_ports(spec)
    if layout.rehearsal is not None:
        spec = rehearsed(spec)
    return make_intent(
        spec,
        layout,
        deployment.target,
        facts,
        position=position or deployment.position,
        release=release,
        renew=renew,
        port=chosen,
        pages=shown_last(facts),
    )


def _spec_of(deployment: Deployment, release: str) -> AppSpec:
    """The file that a release was built with, but with this machine's engines: where those lie is
    no matter of the release, and goes by the file as it is now."""
    spec = shelf.spec_of(deployment.layout, release)
    try:
        now = deployment.spec()
    except SpecError:  # a broken file is told by whoever needs it
        return spec
    database = spec.database.model_copy(update={"postgres": now.database.postgres})
    redis = spec.redis
    if redis is not None and now.redis is not None:
        redis = redis.model_copy(update={"server": now.redis.server})
    return spec.model_copy(update={"database": database, "redis": redis})


def _require_two_ports(spec: AppSpec) -> None:
    edge = spec.edge
    if edge.tls.mode != "off" and edge.port == edge.secure_port:
        raise UsageError(
            f"port {edge.port} is the one for https", next="choose another one with --port"
        )


def plan(deployment: Deployment, kind: str, intent: Intent) -> Plan:
    """The steps from what is to what is intended.

    Raises:
        Refused: engines were installed elsewhere, and only an upgrade restarts them unnoticed.
    """
    now = deployment.observe()
    require_programs(now, intent)
    todo = planner.plan(kind, now, leading.by_observation(intent.goal, intent.blueprint))
    is_there = deployment.journal.place is not None
    return clustering.with_journal(todo, intent.goal, is_there=is_there)


def require_programs(now: Observation, intent: Intent) -> None:
    """See that the engines that run would be executed from where they are, if users are there.

    Raises:
        Refused: one would not.
    """
    found = upgrading.moved(now, intent.goal, programs_of(intent))
    if not found or not any(unit.pool for host in now.hosts for unit in host.units):
        return
    names, lie = ", ".join(u.path for u in found), "lies" if len(found) == 1 else "lie"
    raise Refused(
        f"what {names} would execute {lie} elsewhere than what runs: it was installed anew",
        changed="nothing",
        next="tenfold upgrade    restarts it without a failed request; then give the command again",
    )


def programs_of(intent: Intent) -> Mapping[str, tuple[str, ...]]:
    """What each unit is to execute, by its path, and what else is to be run from there."""
    blueprint = intent.blueprint
    launches = {u.path: blueprint.render(u)[1] for u in blueprint.topology.units}
    return {path: (found.argv[0], *found.programs) for path, found in launches.items()}


def carry_out(deployment: Deployment, todo: Plan, intent: Intent, listener: Listener) -> None:
    """Carry a plan out, journaled. For moves between stages see :mod:`.cross`.

    Raises:
        TenfoldError: a step failed; says what that means for the users.
    """
    journal = deployment.journal
    world = World(
        blueprint=intent.blueprint,
        target=intent.target,
        journal=journal,
        releases=intent.releases,
        pages=keeper_of(deployment, intent),
    )
    runner = Runner(journal, lambda step, tell: perform(step, world, tell), listener)
    before, earlier = journal.facts(), journal.last()
    with interrupts.one_at_most() as guard:  # also what is written down is not cut off
        try:
            _write_down(deployment, intent)
            with site_facts.under_way(intent, todo.kind):
                runner.run(todo)
            journal.set(app_secrets.FACT, intent.secret_versions)
        except BaseException as error:
            guard.hold()
            record = journal.last()
            if record == earlier or (record is not None and record.outcome == "backed-out"):
                _take_back(journal, before)
            if not isinstance(error, TenfoldError | KeyboardInterrupt):
                raise
            told = error if isinstance(error, TenfoldError) else Interrupted(todo.kind)
            if record == earlier:
                told.changed = NOT_BEGUN
            else:
                explain(told, record, _serving(deployment))
            if told is error:
                raise
            raise told from error
        finally:
            world.renewals.close()


@contextmanager
def until_begun(deployment: Deployment, command: str) -> Iterator[None]:
    """For a command that changes nothing but by a plan: interrupted before, it says so.

    Raises:
        Interrupted: the block was interrupted, and no plan was begun in it.
    """
    earlier = deployment.journal.last()
    try:
        yield
    except KeyboardInterrupt as error:
        with suppress(JournalError):  # then it is not known
            if deployment.journal.last() == earlier:
                raise Interrupted(command, changed=NOT_BEGUN) from error
        raise


def _write_down(deployment: Deployment, intent: Intent) -> None:
    """What the app is to be from now on, where it is, and what of it was chosen."""
    journal, whole = deployment.journal, intent.blueprint.topology
    facts = applied_facts.applied(intent.goal.topology, intent.blueprint.document, whole)
    journal.set(applied_facts.FACT, replace(facts, stage=stage_of(intent.position)).to_json())
    journal.set("port", intent.chosen_port)
    journal.set("position", intent.position)
    if intent.toolbox.postgresql_major and intent.database_url is None:
        journal.set("postgresql_major", intent.toolbox.postgresql_major)
    if intent.position not in WITHOUT_APP:
        journal.set(external.FACT, external.wanted(intent))
    secrets.remember(deployment.layout.secrets, intent.taken)


def _take_back(journal: Journal, before: Mapping[str, Any]) -> None:
    """What was written down before a plan of which nothing is left."""
    journal.set("port", before.get("port"))
    if before.get(applied_facts.FACT) is None:  # it was the first: it pins nothing
        journal.set(applied_facts.FACT, None)
        journal.set("position", before.get("position"))


def with_new_pages(deployment: Deployment, intent: Intent, *, always: bool = True) -> Intent:
    """The intent with the pages that are shown as files made anew, where any are shown.

    Args:
        deployment: whose.
        intent: as :func:`intend` gives it.
        always: also where those that are shown are of the same release.
    """
    if intent.position not in WITHOUT_APP and not intent.app_facts.pages:
        return intent
    store = PageStore(deployment.layout.pages)
    shown = store.get(intent.goal.pages) if intent.goal.pages else None
    # Where no app runs the pages are what serves, and come with the release they were made from.
    fits = shown is not None and (
        intent.goal.release is None or shown.release in (None, intent.goal.release)
    )
    if fits and not always:
        return intent
    return replace(intent, goal=replace(intent.goal, pages=store.new_id(time.time())))


def keeper_of(deployment: Deployment, intent: Intent) -> PageKeeper:
    """Who makes and keeps the pages that are shown as files."""
    into_dist = intent.position in WITHOUT_APP
    return PageKeeper(deployment.layout, intent.spec, into_dist=into_dist)


def serving(deployment: Deployment, *, renders: bool = False) -> Intent:
    """The intent for the release that serves now, for commands that run beside it; its database is
    whoever leads. Who ``renders`` units anew does that from what ``up`` makes them from: files do
    not say who leads just now.

    Raises:
        Refused: nothing serves.
    """
    now = deployment.observe()
    if deployment.position in WITHOUT_APP:
        raise Refused(
            "at stage 1 no app runs: there are pages, and nothing behind them",
            next="tenfold grow --to 10    brings the app beside them",
        )
    if now.release is None:
        raise Refused("no release serves yet", next="tenfold up")
    intent = intend(deployment, release=now.release)
    goal = leading.by_observation(intent.goal, intent.blueprint)
    placed = replace(intent.blueprint, release=intent.releases.place(now.release))
    if not renders:
        placed = replace(placed, leaders=goal.leaders)
    return replace(intent, goal=goal, blueprint=placed)


def _serving(deployment: Deployment) -> str | None:
    now = deployment.status()
    return now.release if now.state in ("running", "degraded", "in-transition") else None
