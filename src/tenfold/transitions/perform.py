"""What each step does to the world: one small, idempotent, verified effect per kind of step."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial, singledispatch
from typing import Any, Protocol

import tenfold.engines.postgresql.admin as admin
from tenfold.engines.protocol import ReleasePlace
from tenfold.errors import StepFailed, UnitFailed
from tenfold.secret import Secret
from tenfold.targets.protocol import HostAgent, Target
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions import steps
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.journal import Journal
from tenfold.transitions.wire import listens
from tenfold.wiring.document import environment

Tell = Callable[[str], None]


class Releases(Protocol):
    """What performing needs of the releases, wherever they are kept."""

    def build(self, release: str, tell: Tell) -> None:
        """Make the release; fine if it is there already."""

    def place(self, release: str) -> ReleasePlace:
        """Where a built release lies."""

    def publish(self, release: str, hosts: Mapping[str, str]) -> None:
        """Have ``assets/current`` on these hosts (name -> root) show the release's static files."""

    def record_served(self, release: str) -> None:
        """Remember, durably, that this release serves from now on."""

    def prune(self, keep: int, needed: frozenset[str]) -> None:
        """Remove all but the newest ``keep`` and the needed ones."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that effects act on."""

    blueprint: Blueprint
    target: Target
    journal: Journal
    releases: Releases
    migrate_seconds: float = 600.0

    def agent(self, host: str) -> HostAgent:
        """The host's agent; started if it does not run."""
        return self.target.ensure(self.blueprint.topology.host(host))

    def placed(self, release: str) -> Blueprint:
        """The blueprint with a built release in its place."""
        return replace(self.blueprint, release=self.releases.place(release))

    def own_sockets(self, host: str) -> HostAgent:
        """The host's agent, owning the listening sockets that the topology gives it."""
        agent = self.agent(host)
        address = self.blueprint.hosts[host].address
        agent.listen(listens(self.blueprint.topology, host, address))
        return agent


def perform(step: steps.Step, world: World, tell: Tell) -> None:
    """Perform one step.

    Raises:
        TenfoldError: it failed; its text says what was and was not changed.
    """
    _perform(step, world, tell)


@singledispatch
def _perform(step: steps.Step, world: World, tell: Tell) -> None:
    raise NotImplementedError(type(step).__name__)


@_perform.register
def _(step: steps.EnsureHost, world: World, tell: Tell) -> None:
    world.own_sockets(step.host)


@_perform.register
def _(step: steps.StopHost, world: World, tell: Tell) -> None:
    world.target.end(step.host)


@_perform.register
def _(step: steps.BuildRelease, world: World, tell: Tell) -> None:
    world.releases.build(step.release, tell)


@_perform.register
def _(step: steps.StartUnit, world: World, tell: Tell) -> None:
    _start(step.unit, world)


@_perform.register
def _(step: steps.RestartUnit, world: World, tell: Tell) -> None:
    _start(step.unit, world)


def _start(path: str, world: World) -> None:
    member = world.blueprint.topology.member(path)
    agent = world.own_sockets(member.host)
    files, launch = world.blueprint.render(member)
    order = world.blueprint.order(member)
    agent.write(files)
    running = agent.observe().unit(member.name)
    serves = running is not None and running.state == "running"
    # Reload first: "start" records the new fingerprint, and an interruption between the two must
    # leave the old one, so that the next plan does this again.
    if serves and running and running.fingerprint != order.fingerprint and launch.reload:
        agent.reload(member.name)
    agent.start(order)


@_perform.register
def _(step: steps.StopUnit, world: World, tell: Tell) -> None:
    host, _, name = step.unit.partition("/")
    agent = world.target.reach(host)
    if agent is not None:
        agent.stop(name)


@_perform.register
def _(step: steps.PrepareDatabase, world: World, tell: Tell) -> None:
    unit = world.blueprint.topology.member(step.unit)
    assert isinstance(unit, Unit)
    admin.prepare(unit, world.blueprint.scene(unit))
    known = world.journal.facts().get("prepared", {})
    world.journal.set("prepared", {**known, step.unit: step.digest})


@_perform.register
def _(step: steps.Migrate, world: World, tell: Tell) -> None:
    blueprint = world.placed(step.release)
    pool = _app_pool(blueprint)
    command = one_off(blueprint, shlex.split(step.command), owner=True)
    command = replace(command, within_seconds=world.migrate_seconds)
    finished = world.agent(pool.host).run(command, tell)
    if finished.code != 0:
        raise StepFailed(
            f"the migration of release {step.release} failed: {step.command} exited"
            f" {finished.code}",
            changed="nothing for your users; what the migration did before it failed may be there",
            next="mend the migration and give the command again",
            detail=finished.tail,
        )
    _add_fact(world.journal, "migrated", step.release)


@_perform.register
def _(step: steps.WarmPool, world: World, tell: Tell) -> None:
    blueprint = world.placed(step.release)
    pool = blueprint.topology.member(step.pool)
    agent = world.own_sockets(pool.host)
    orders = [
        blueprint.order(pool, generation=step.generation, index=index)
        for index in range(1, step.count + 1)
    ]
    for order in orders:
        agent.write(blueprint.render(pool, order.name)[0])
    # An app without migrations may create its tables when it starts, and "create table if not
    # exists" collides with itself when two do it at once: so the first starts alone.
    alone = 0 if _migrates(blueprint) else 1
    for order in orders[:alone]:
        agent.start(order)
    _at_once([partial(agent.start, order) for order in orders[alone:]])


def _migrates(blueprint: Blueprint) -> bool:
    databases = [m.settings for m in blueprint.topology.of(DatabaseSettings)]
    return all(isinstance(d, DatabaseSettings) and d.separate_owner for d in databases)


def _at_once(orders: list[Callable[[], None]]) -> None:
    """Give all orders at the same time; raises the first failure when all have ended."""
    if not orders:
        return
    with ThreadPoolExecutor(len(orders), thread_name_prefix="order") as threads:
        futures = [threads.submit(order) for order in orders]
    for future in futures:
        future.result()


@_perform.register
def _(step: steps.DiscardGeneration, world: World, tell: Tell) -> None:
    host, _, name = step.pool.partition("/")
    agent = world.target.reach(host)
    if agent is None:
        return
    for unit in agent.observe().pool(name):
        if unit.generation == step.generation:
            agent.stop(unit.name)


@_perform.register
def _(step: steps.PublishAssets, world: World, tell: Tell) -> None:
    roots = {name: paths.root for name, paths in world.blueprint.hosts.items()}
    world.releases.publish(step.release, roots)
    world.journal.set("published", step.release)


@_perform.register
def _(step: steps.Handover, world: World, tell: Tell) -> None:
    host, _, name = step.pool.partition("/")
    agent = world.agent(host)
    ready = [u for u in agent.observe().pool(name) if u.generation == step.generation]
    if not ready:
        raise UnitFailed(
            f"generation {step.generation} of {step.pool} is gone",
            changed="nothing: whatever served goes on serving",
            next="give the command again",
        )
    agent.handover(name, step.generation, tell)
    world.releases.record_served(step.release)


@_perform.register
def _(step: steps.PruneReleases, world: World, tell: Tell) -> None:
    running = {
        unit.release
        for host in world.target.hosts()
        if (agent := world.target.reach(host)) is not None
        for unit in agent.observe().units
    }
    world.releases.prune(step.keep, frozenset(r for r in running if r))


def one_off(blueprint: Blueprint, argv: list[str], *, owner: bool = False) -> Command:
    """A command in the app's release and environment; as the schema's owner for migrations."""
    release = blueprint.release
    assert release is not None
    secrets: dict[str, str | Secret] = {}
    document = blueprint.document
    for member in blueprint.topology.of(DatabaseSettings):
        settings = member.settings
        assert isinstance(settings, DatabaseSettings)
        separate = owner and settings.separate_owner
        role, user = ("owner", settings.owner_role) if separate else ("app", settings.app_role)
        cluster = settings.cluster
        databases = {**document.databases, cluster: replace(document.databases[cluster], user=user)}
        document = replace(document, databases=databases)
        secrets[cluster] = blueprint.secrets[f"{cluster}.{role}"]
    plain = {name: s.reveal() if isinstance(s, Secret) else s for name, s in secrets.items()}
    wired = {
        key: Secret(value) if key.startswith("DATABASE_URL") else value
        for key, value in environment(document, plain).items()
    }
    return Command(
        argv=tuple(argv),
        env={
            **release.environment,
            "PYTHONUNBUFFERED": "1",
            **wired,
            **blueprint.variables,
        },
        cwd=release.directory,
    )


def _app_pool(blueprint: Blueprint) -> Pool:
    return blueprint.topology.pools[0]


def _add_fact(journal: Journal, key: str, value: Any) -> None:
    """Append to a list of facts; the newest stays last, no value appears twice."""
    known = [v for v in journal.facts().get(key, []) if v != value]
    journal.set(key, [*known, value])
