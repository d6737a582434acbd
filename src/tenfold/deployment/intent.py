"""What is wanted: spec, project and machine joined into a goal for the planner."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tenfold.agent.masking import masking, without
from tenfold.deployment import (
    backup_secrets,
    edge_notes,
    edge_secrets,
    failover_secrets,
    shelf,
)
from tenfold.deployment.app_secrets import FACT as USED_SECRETS
from tenfold.deployment.given import values_given
from tenfold.deployment.releases import ReleaseKeeper
from tenfold.deployment.toolbox import Toolbox, edge_toolbox, toolbox
from tenfold.engines.database_endpoint import require_stream
from tenfold.engines.protocol import ReleasePlace
from tenfold.errors import Refused
from tenfold.release.running import Runner
from tenfold.secret import Secret
from tenfold.spec.model import AppSpec
from tenfold.stages import path
from tenfold.stages.facts import NO_APP, AppFacts, Machine, app_facts
from tenfold.stages.guarantees import costs
from tenfold.state import app_secrets, secrets
from tenfold.state.layout import Layout, title
from tenfold.targets.local.target import LocalTarget
from tenfold.targets.protocol import Finished, Target
from tenfold.topology import drained
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import DatabaseSettings, EndpointSettings, PatroniSettings
from tenfold.transitions.blueprint import Blueprint
from tenfold.transitions.planner import Goal
from tenfold.transitions.shown import IN_FRONT
from tenfold.transitions.steps import KeepFiles

ROLES = ("superuser", "owner", "app", "replication")
FEWEST_DATABASES = 2
MONITOR = "monitor"
REWIND = "rewind"


@dataclass(frozen=True, slots=True)
class Intent:
    """A goal, and what is needed to reach it.

    ``chosen_port`` was given by ``--port``, now or earlier, and wins over the file. ``taken`` are
    the values that the file took from the caller's environment: a command from another shell, at
    another hour, gets them again. ``position`` is where on the path between stages the goal is,
    ``target`` knows the hosts by the names that they have there.
    ``database_url`` and ``redis_url`` are those of the user's own servers, where they are used.
    ``notes`` are for the person who asked. Without an app, ``app_facts`` are
    :data:`tenfold.stages.facts.NO_APP`.
    """

    spec: AppSpec
    goal: Goal
    blueprint: Blueprint
    releases: ReleaseKeeper
    toolbox: Toolbox
    chosen_port: int | None
    taken: Mapping[str, Secret]
    position: str
    target: LocalTarget
    app_facts: AppFacts
    database_url: Secret | None = None
    redis_url: Secret | None = None
    notes: tuple[str, ...] = ()
    environment: str | None = None
    secret_versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The app's name, and the environment unless it is the default one."""
        return title(self.spec.name, self.environment)

    @property
    def leader(self) -> Unit:
        """The database that is to lead, where there is one cluster of Tenfold's own."""
        (path,) = self.goal.leaders.values()
        found = self.goal.topology.member(path)
        assert isinstance(found, Unit)
        return found


def make_intent(
    spec: AppSpec,
    layout: Layout,
    target: LocalTarget,
    facts: Mapping[str, Any],
    *,
    position: str,
    release: str | None,
    renew: bool,
    port: int | None,
    pages: str | None = None,
) -> Intent:
    """Join everything. Reads the project and the machine; changes nothing but generated secrets.

    Raises:
        TenfoldError: the file, the project, its environment or the machine does not allow it.
    """
    if position in path.WITHOUT_APP:
        return _without_app(spec, layout, target, position=position, port=port, pages=pages)
    require_app(spec)
    major = facts.get("postgresql_major") if spec.database.url is None else None
    fails_over = position in path.FAILS_OVER
    tools = toolbox(spec, postgresql_major=major, failover=fails_over, roots=target.roots())
    given = values_given(spec, layout, served=release, renew=renew)
    backup = backup_secrets.given(spec, layout, target.account, given.known, path=given.path)
    stage = path.stage_of(position)
    target = target.named(path.places(stage, target.directories()))
    releases = ReleaseKeeper(
        layout, spec, _runner(target, stage), variables=given.variables, account=target.account
    )
    wanted = releases.existing(release) if release else releases.candidate()
    served_by = replace(
        app_facts(spec, wanted.servers, wanted.interface),
        pages=spec.static.source is not None
        and (bool(facts.get(IN_FRONT)) or position in path.SHOW_PAGES),
    )
    place = path.position(position, spec, machine(), served_by)
    topology = pinned(place.topology, tools.postgresql_major)
    if topology.of(EndpointSettings):
        require_stream(tools.nginx)
    blueprint = Blueprint(
        topology=topology,
        engines=tools.engines,
        hosts={host.name: target.locate(host) for host in topology.hosts},
        binaries=tools.binaries,
        secrets={
            **secrets.ensure(layout.secrets, _secrets(spec, position)),
            **failover_secrets.ensure(layout.secrets, topology, target),
            **edge_secrets.given(spec, layout, given.environ, path=given.path),
            **backup,
            **({} if given.webhook is None else {"alerts.webhook": given.webhook}),
        },
        release=ReleasePlace(wanted.id, "", "", ""),
        variables={**given.variables, **given.urls},
        leaders=place.leaders,
        storage=str(layout.storage),
    )
    stored = shelf.stored(layout, facts)
    goal = Goal(
        topology=drained.without(topology, facts.get(drained.FACT) or ()),
        release=wanted.id,
        migrate=None if release else spec.release.migrate,
        fingerprints=blueprint.fingerprints(),
        prepared=blueprint.prepared(),
        renew=renew,
        leaders=place.leaders,
        pages=pages if served_by.pages else None,
        storage=tuple(
            KeepFiles(d, *releases.to_keep(d)) for d in spec.storage.dirs if d not in stored
        ),
    )
    return Intent(
        spec=spec,
        goal=goal,
        blueprint=replace(blueprint, release=None),
        releases=releases,
        toolbox=tools,
        chosen_port=port,
        taken=given.taken,
        database_url=given.urls.get("DATABASE_URL"),
        redis_url=given.urls.get("REDIS_URL"),
        position=position,
        target=target,
        app_facts=served_by,
        notes=(
            *wanted.notes,
            *_notes(layout, stored, spec),
            *_secret_notes(given.secrets, facts),
            *_stop_notes(topology, spec),
            *costs(served_by),
            *edge_notes.notes(spec.edge, blueprint.secrets.get("edge.certificate"), time.time()),
        ),
        environment=layout.environment,
        secret_versions=app_secrets.versions(given.secrets),
    )


def require_app(spec: AppSpec) -> None:
    """See that there is something to run.

    Raises:
        Refused: the file has a static site alone.
    """
    if spec.app is None and spec.command is None:
        raise Refused(
            "there is no app to run: tenfold.toml has a static site alone",
            next="stay at stage 1:  tenfold up  shows the site, tenfold publish publishes it\n"
            'app = "module:attribute"  in tenfold.toml, once there is an app',
        )


def _without_app(
    spec: AppSpec,
    layout: Layout,
    target: LocalTarget,
    *,
    position: str,
    port: int | None,
    pages: str | None,
) -> Intent:
    """Pages that are files, and the edge that shows them."""
    tools = edge_toolbox()
    given = values_given(spec, layout, served=None, renew=False)
    target = target.named(path.places(path.stage_of(position), target.directories()))
    topology = path.position(position, spec, machine(), NO_APP).topology
    blueprint = Blueprint(
        topology=topology,
        engines=tools.engines,
        hosts={host.name: target.locate(host) for host in topology.hosts},
        binaries=tools.binaries,
        secrets={
            **secrets.ensure(layout.secrets, [edge_secrets.SALT] if spec.edge.basic_auth else []),
            **edge_secrets.passwords(spec, given.environ, path=given.path),
        },
    )
    return Intent(
        spec=spec,
        goal=Goal(topology=topology, fingerprints=blueprint.fingerprints(), pages=pages),
        blueprint=blueprint,
        releases=ReleaseKeeper(layout, spec, _runner(target, path.stage_of(position))),
        toolbox=tools,
        chosen_port=port,
        taken=given.taken,
        position=position,
        target=target,
        app_facts=NO_APP,
        environment=layout.environment,
    )


def _secrets(spec: AppSpec, position: str) -> list[str]:
    """The passwords that this deployment generates."""
    names = ROLES if spec.metrics is None else (*ROLES, MONITOR)
    names = (*names, REWIND) if position in path.FAILS_OVER else names
    databases = [f"main.{role}" for role in names] if spec.database.url is None else []
    redis = ["redis.app"] if spec.redis and spec.redis.url is None else []
    salt = [edge_secrets.SALT] if spec.edge.basic_auth else []
    return [*databases, *redis, *salt]


def _notes(layout: Layout, stored: Sequence[str], spec: AppSpec) -> Iterator[str]:
    """User files that the app will not see any more."""
    for directory in stored:
        if directory not in spec.storage.dirs:
            yield (
                f"{directory} is not in [storage] dirs: its files stay in"
                f" {layout.shelf.name}/storage/{directory}, where this release does not see them"
            )


def _stop_notes(topology: Topology, spec: AppSpec) -> Iterator[str]:
    """What it costs that writes stop without a follower, where one is all there is."""
    databases = len(topology.of(PatroniSettings))
    if databases == FEWEST_DATABASES and spec.database.without_follower == "stop":
        yield (
            '[database] without_follower is "stop", and there are two databases: while either is'
            " away nothing is written; [zones] databases = 3 has one to spare"
        )


def _secret_notes(kept: app_secrets.Secrets, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """What is different about secrets since workers were started, for plans."""
    used = facts.get(USED_SECRETS)
    if used is None:
        return ()
    return app_secrets.differences(used, app_secrets.versions(kept))


def _runner(target: Target, stage: str) -> Runner:
    """Builds run their commands through the agent: as the app's user, in the app's view."""

    def run(command: Command, output: Callable[[str], None] | None = None) -> Finished:
        hear = None if output is None else lambda line: output(without(line, command.env))
        with masking(command.env):
            finished = target.ensure(Host(path.app_host(stage))).run(command, hear)
        return replace(finished, tail=without(finished.tail, command.env))

    return run


def machine() -> Machine:
    """This machine: the cores that this process may use, and its memory."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(cores=cores or 1, memory_bytes=memory)


def pinned(topology: Topology, major: int) -> Topology:
    """The topology with every database at this major version."""
    units = tuple(
        replace(u, settings=replace(u.settings, major=major))
        if isinstance(u, Unit) and isinstance(u.settings, DatabaseSettings)
        else u
        for u in topology.units
    )
    return replace(topology, units=units)
