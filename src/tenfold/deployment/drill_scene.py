"""What a drill finds: where hosts and databases are, who leads, what this machine permits."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.deployment import hosts, work
from tenfold.deployment.leading import etcd_state, view_of
from tenfold.drills import cutting, disks
from tenfold.drills.effects import Scene
from tenfold.drills.model import HostSeen, Means, Situation
from tenfold.engines.postgresql.peers import address, database
from tenfold.engines.postgresql.render import server
from tenfold.errors import Refused
from tenfold.failover.asking import Address
from tenfold.stages.path import BY_ITSELF, stage_of
from tenfold.topology.model import Host
from tenfold.topology.settings import PatroniSettings

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.transitions.blueprint import Blueprint

PRODUCTION = ("production", "prod", "live")
"""Environments of these names are where users are."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What stays the same while something is broken."""

    deployment: Deployment
    blueprint: Blueprint
    scene: Scene

    def situation(self) -> Situation:
        """What there is now. A host that says nothing is part of the answer."""
        now = self._anew().observe(silent=True)
        topology = self.blueprint.topology
        seen = view_of(self.blueprint)
        leader = None if seen is None else seen.leader
        members = topology.of(PatroniSettings)
        found = etcd_state(self.blueprint)
        leads = next((m.host for m in found.members if m.answers and m.leads), None)
        settings = members[0].settings
        assert isinstance(settings, PatroniSettings)
        return Situation(
            hosts=tuple(
                HostSeen(
                    h.name,
                    topology.host(h.name).zone,
                    h.address,
                    h.agent == "running",
                    tuple(u.name for u in h.units),
                )
                for h in now.hosts
            ),
            databases=tuple(m.host for m in members),
            leader=None if leader is None else leader.name,
            in_sync=() if seen is None else seen.in_sync,
            etcd={m.host: m.answers and m.has_leader for m in found.members},
            etcd_leader=leads,
            lease_seconds=float(settings.ttl_seconds),
            brings_back=hosts.ways_back(self.deployment),
        )

    def missing(self) -> tuple[str, ...]:
        """What is not as it must be, as sentences; empty when all is well."""
        status = self._anew().status()
        now = self.situation()
        told = [*status.missing, *(f"{name} does not answer" for name in status.silent)]
        if now.leader is None:
            told.append("no database leads")
        following = len(now.databases) - 1
        settings = self.blueprint.topology.of(PatroniSettings)[0].settings
        assert isinstance(settings, PatroniSettings)
        if len(now.in_sync) < min(following, settings.synchronous_nodes):
            told.append("no follower is in sync")
        silent = [host for host, agrees in now.etcd.items() if not agrees]
        if silent:
            told.append(f"etcd on {', '.join(silent)} does not agree with the others")
        return tuple(dict.fromkeys(told))

    def servers(self) -> dict[str, Address]:
        """Where each database is asked, by host, as the app's role."""
        found = {}
        for unit in self.blueprint.topology.of(PatroniSettings):
            host, port = address(self.blueprint.document.endpoints[unit.path])
            own = database(unit)
            password = self.blueprint.secrets[f"{own.cluster}.app"]
            found[unit.host] = Address(host, port, own.app_role, password, own.database)
        return found

    def means(self) -> Means:
        """What this machine permits."""
        addresses = list(self.scene.addresses.values())
        why_no_cut = cutting.why_not()
        if not why_no_cut and len(set(addresses)) < len(addresses):
            why_no_cut = "the hosts have no addresses of their own here"
        root = next(iter(self.scene.roots.values()))
        return Means(
            why_no_cut, disks.why_no_throttle(root), disks.why_no_fill(root), self._tells_deaths()
        )

    def _tells_deaths(self) -> bool:
        """Whether every database has another one beside it whose leash can tell if it lives."""
        members = self.blueprint.topology.of(PatroniSettings)
        hosts = {member.host for member in members}
        return all(hosts & set(self.blueprint.scene(m).neighbours) for m in members)

    def _anew(self) -> Deployment:
        """To ask again whoever said nothing."""
        return replace(self.deployment, target=self.deployment.target.anew())


def ground(deployment: Deployment) -> Ground:
    """Where a drill is held.

    Raises:
        Refused: at this stage nothing takes over from what fails.
    """
    if deployment.position not in BY_ITSELF:
        raise Refused(
            f"it is at stage {stage_of(deployment.position)}, where nothing takes over from what"
            " fails: a drill could only show that",
            next="tenfold grow --to 1k    then drill",
        )
    blueprint = work.intend(deployment, release=deployment.observe(silent=True).release).blueprint
    servers = {
        unit.host: server(unit, blueprint.scene(unit)).data
        for unit in blueprint.topology.of(PatroniSettings)
    }
    return Ground(deployment, blueprint, scene_of(deployment, servers))


def scene_of(deployment: Deployment, servers: dict[str, str] | None = None) -> Scene:
    """Where hosts are; asks nobody, so that it can be told whatever is broken."""
    target = deployment.target
    places = {name: target.locate(Host(name)) for name in target.hosts()}
    return Scene(
        name=deployment.layout.name,
        target=target,
        roots={name: Path(place.root) for name, place in places.items()},
        addresses={name: place.address for name, place in places.items()},
        uid=os.geteuid() if target.account is None else target.account.uid,
        servers=servers or {},
    )


def why_production(deployment: Deployment) -> str | None:
    """Why this is where users are; ``None`` where nothing says so."""
    name = deployment.layout.environment
    if name in PRODUCTION:
        return f"its environment is called {name}"
    names = deployment.spec().edge.own_names
    return f"it serves {names[0]}" if names else None
