"""Whether anything stands in the way of a switch, asked before anything is touched."""

from __future__ import annotations

from dataclasses import asdict

import tenfold.engines.postgresql.admin as admin
from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.checks import Finding, checks
from tenfold.engines.postgresql.conf import limits
from tenfold.engines.postgresql.disk import parse_installation
from tenfold.engines.postgresql.facts import gather
from tenfold.engines.postgresql.login import login
from tenfold.engines.postgresql.peers import slot_name
from tenfold.engines.postgresql.render import sizes
from tenfold.errors import Refused
from tenfold.transitions import steps
from tenfold.transitions.perform.databases import (
    database_unit,
    disk_state,
    run_at,
    settings_of,
)
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Tell, World


@effect.register
def _(step: steps.Check, world: World, tell: Tell) -> None:
    findings = examine(world, step.leader, step.follower)
    world.evidence.checks = [asdict(f) for f in findings]
    require(findings)


def examine(
    world: World, leader: str, follower: str, *, copied: bool | None = None
) -> tuple[Finding, ...]:
    """Whether anything stands in the way of ``follower`` taking over from ``leader``.

    While the follower's host is not there yet, the leader's is asked in its place.

    Args:
        world: where both are.
        leader: the path of who leads.
        follower: of who is to take over.
        copied: the follower has its data already; asked of its disk by default.
    """
    unit, scene = database_unit(follower, world)
    led, leader_scene = database_unit(leader, world)
    asked = unit if unit.host in world.target.hosts() else led
    agent = world.agent(asked.host)
    agent.write(world.blueprint.scripts(asked))
    there = world.blueprint.scene(asked)
    installation = parse_installation(run_at(world, asked, orders.installation(asked, there)))
    if copied is None:
        copied = asked is unit and disk_state(world, unit).cluster
    return checks(
        gather(login(led, leader_scene, "superuser", database=admin.MAINTENANCE)),
        installation,
        limits(sizes(unit, scene)),
        slot=slot_name(settings_of(unit)),
        copied=copied,
    )


def require(findings: tuple[Finding, ...]) -> None:
    """See that none of them says stop.

    Raises:
        Refused: one does; names all that do.
    """
    stops = [f for f in findings if f.severity == "stop"]
    if stops:
        raise Refused(
            "; ".join(f.what for f in stops),
            detail="\n".join(f"{f.what}: {f.evidence}" for f in stops if f.evidence) or None,
            next="\n".join(f.fix for f in stops if f.fix) or None,
        )
