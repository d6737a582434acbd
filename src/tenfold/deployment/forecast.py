"""What a move between stages would do, told beforehand; and whether a plan that was kept is still
the one that would be carried out."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tenfold.deployment import clustered as care
from tenfold.deployment import launch, work
from tenfold.deployment.cross import HOLD, Leg, leg, terms_of
from tenfold.deployment.databases import everything
from tenfold.engines.postgresql.checks import Finding
from tenfold.engines.postgresql.render import sizes
from tenfold.errors import Refused, UsageError
from tenfold.stages.path import BY_ITSELF, WITHOUT_APP
from tenfold.topology.databases import ObservedDatabase, leader_of
from tenfold.transitions import clustering, way
from tenfold.transitions import crossing as planner
from tenfold.transitions import steps as st
from tenfold.transitions.perform import World
from tenfold.transitions.perform.checking import examine
from tenfold.transitions.perform.serving import WARM_SECONDS, WARMS_LATE

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.topology.model import Topology
    from tenfold.transitions.planner import Goal
    from tenfold.transitions.way import Crossing

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Stretch:
    """The steps to one position."""

    position: str
    steps: tuple[st.Step, ...]

    @property
    def switches(self) -> bool:
        """Whether requests wait on it."""
        return any(isinstance(s, st.Hold) for s in self.steps)


@dataclass(frozen=True, slots=True)
class Forecast:
    """A move as it would go from here.

    Attributes:
        crossing: the command and where it ends.
        before, after: the goals at both ends, for what changes.
        complete: what there is once the way back is given up.
        stretches: the steps, position by position; from the second on as they are expected.
        findings: what was checked, the worst first.
        size_bytes: of the database that is copied; ``None`` where nothing is.
        hold: what is known of how long requests will wait.
        untried: why nothing is, though it was to be measured.
        start_seconds: how long workers take that start while requests wait, because the app writes
            when it starts; ``None`` for an app that does not, as far as is known.
        kept_log_bytes: how much log the next leader keeps at most for the database that the way
            back leads to, while that is away; ``None`` where the way back needs no follower.
    """

    crossing: Crossing
    before: Goal
    after: Intent
    complete: Topology
    stretches: tuple[Stretch, ...]
    findings: tuple[Finding, ...]
    size_bytes: int | None
    hold: Mapping[str, Any] | None
    start_seconds: float | None = None
    kept_log_bytes: int | None = None
    untried: str | None = None

    @property
    def refused(self) -> tuple[Finding, ...]:
        """What stands in the way."""
        return tuple(f for f in self.findings if f.severity == "stop")

    def to_json(self, app: str) -> dict[str, Any]:
        """The plan as it is kept by ``plan -o`` and compared by ``grow FILE``."""
        return {
            "format": FORMAT,
            "app": app,
            "command": self.crossing.command,
            "from": self.crossing.home,
            "to": self.crossing.goal,
            "stretches": [
                {"position": s.position, "steps": [st.to_json(x) for x in s.steps]}
                for s in self.stretches
            ],
        }


def forecast(deployment: Deployment, crossing: Crossing) -> Forecast:
    """Look, plan and check; nothing is changed.

    Raises:
        Refused: nothing serves, or nobody knows who leads.
    """
    at = deployment.position
    if launch.covers(crossing):
        return _of_a_launch(deployment, crossing)
    names = way.route(crossing, at)
    first = leg(deployment, names[0], crossing.command)
    stretches = [Stretch(names[0], st.flatten(first.plan.steps))]
    last = first.intent
    for name in names[1:]:
        stretches.append(_expected(deployment, last, name, crossing, first))
        last = work.intend(deployment, release=first.intent.goal.release, position=name)
    release = first.intent.goal.release
    before = work.intend(deployment, release=release, position=at).goal
    complete = work.intend(deployment, release=release, position=crossing.goal).goal
    return Forecast(
        crossing=crossing,
        before=before,
        after=last,
        complete=complete.topology,
        stretches=tuple(stretches),
        findings=prechecks(deployment, first.intent, first.seen.databases),
        size_bytes=_size(first),
        hold=deployment.facts().get(HOLD),
        start_seconds=_start_seconds(deployment, str(release)),
        kept_log_bytes=_kept_log(last),
    )


def _of_a_launch(deployment: Deployment, crossing: Crossing) -> Forecast:
    legs = launch.expected(deployment, crossing)
    here = deployment.position
    release = deployment.observe().release if here not in WITHOUT_APP else None
    after = legs[-1][1].intent
    kept = after.goal.release if crossing.goal not in WITHOUT_APP else None
    complete = work.intend(deployment, release=kept, position=crossing.goal).goal
    return Forecast(
        crossing=crossing,
        before=work.intend(deployment, release=release, position=here).goal,
        after=after,
        complete=complete.topology,
        stretches=tuple(Stretch(name, st.flatten(leg.plan.steps)) for name, leg in legs),
        findings=(),
        size_bytes=None,
        hold=None,
    )


def _start_seconds(deployment: Deployment, release: str) -> float | None:
    facts = deployment.facts()
    late = facts.get(WARMS_LATE) == release
    return float(facts.get(WARM_SECONDS, 0.0)) if late else None


def _expected(
    deployment: Deployment, before: Intent, name: str, crossing: Crossing, first: Leg
) -> Stretch:
    """As it would be planned once everything until there has gone well."""
    intent = work.intend(deployment, release=before.goal.release, position=name)
    last = _renamed(before.goal, before, intent)
    moves = care.covers(deployment, name)
    seen = planner.reached(last, first.seen.now.prepared)
    full = everything(intent, clustered=moves).topology
    absent = {
        u.path: ObservedDatabase(u.path, "absent")
        for u in planner.members(full)
        if u.path not in seen.databases
    }
    seen = replace(seen, databases={**seen.databases, **absent})
    terms = terms_of(deployment, str(before.goal.release))
    if moves:
        found = replace(care.expected(last), seen=seen)
        plan = clustering.plan(crossing.command, found, intent.goal, terms)
        return Stretch(name, st.flatten(plan.steps))
    steps = planner.plan(crossing.command, seen, intent.goal, terms).steps
    return Stretch(name, st.flatten(steps))


def _renamed(goal: Goal, before: Intent, after: Intent) -> Goal:
    """The goal with its hosts called as they are at the next position."""
    names = {
        h.name: next(
            (
                other.name
                for other in after.goal.topology.hosts
                if after.target.locate(other) == before.target.locate(h)
            ),
            h.name,
        )
        for h in goal.topology.hosts
    }

    def renamed(path: str) -> str:
        host, slash, name = path.partition("/")
        return f"{names.get(host, host)}{slash}{name}"

    topology = replace(
        goal.topology,
        hosts=tuple(replace(h, name=names[h.name]) for h in goal.topology.hosts),
        units=tuple(replace(u, host=names[u.host]) for u in goal.topology.units),
        pools=tuple(replace(p, host=names[p.host]) for p in goal.topology.pools),
    )
    return replace(
        goal,
        topology=topology,
        fingerprints={renamed(p): v for p, v in goal.fingerprints.items()},
        prepared={renamed(p): v for p, v in goal.prepared.items()},
        leaders={c: renamed(p) for c, p in goal.leaders.items()},
    )


def prechecks(
    deployment: Deployment,
    intent: Intent,
    databases: Mapping[str, ObservedDatabase],
    *,
    clustered: bool = False,
) -> tuple[Finding, ...]:
    """Whether anything stands in the way of the other database taking over, the worst first; of one
    that is to fail over, where they are ``clustered``.

    Nothing where there is no other one on the path, or where nobody leads.

    Raises:
        TenfoldError: a host or a server does not answer.
    """
    if deployment.position in BY_ITSELF:
        return ()
    leader = leader_of(databases)
    others = [p for p in databases if leader and p != leader.path]
    if leader is None or not leader.running or not others:
        return ()
    there = databases[others[0]].role != "absent"
    moves = clustered or care.covers(deployment, intent.position)
    blueprint = replace(everything(intent, clustered=moves), leaders={"main": leader.path})
    world = World(
        blueprint=blueprint,
        target=intent.target,
        journal=deployment.journal,
        releases=intent.releases,
    )
    try:
        found = examine(world, leader.path, others[0], copied=there)
    finally:
        world.sessions.close()
    rank = {"stop": 0, "warn": 1, "fine": 2}
    return tuple(sorted(found, key=lambda f: rank[f.severity]))


def _kept_log(last: Intent) -> int | None:
    """As the next leader is configured; out of Patroni's care it is released as it runs."""
    if last.position in BY_ITSELF:
        return None
    unit = last.leader
    return sizes(unit, last.blueprint.scene(unit)).max_slot_wal_keep_size_bytes


def _size(first: Leg) -> int | None:
    leader = leader_of(first.seen.databases)
    copies = any(d.role == "absent" for d in first.seen.databases.values())
    return leader.size_bytes if leader and copies else None


def keep(path: Path, plan: Mapping[str, Any]) -> None:
    """Write a plan to a file. Raises ``UsageError`` if it cannot be."""
    try:
        path.write_text(json.dumps({**plan, "made": time.time()}, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error


def kept(path: Path) -> dict[str, Any]:
    """Read what :func:`keep` wrote.

    Raises:
        UsageError: it cannot be read, or is no plan of this version.
    """
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not a plan: {error}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT or "stretches" not in data:
        raise UsageError(
            f"{path} is not a plan that this Tenfold knows", next="tenfold plan --to STAGE -o FILE"
        )
    return data


def require_same(promised: Mapping[str, Any], now: Mapping[str, Any], path: Path) -> None:
    """See that a kept plan is just what would be done now, as far as it is to be carried out now:
    whoever only prepares asks for its first stretches.

    Raises:
        Refused: it is not; names the steps that differ.
    """
    now = json.loads(json.dumps(now))  # as the file has it: no tuples
    for key in ("app", "command", "from", "to"):
        if promised.get(key) != now[key]:
            raise Refused(f"{path} is for {key} {promised.get(key)!r}, this is {now[key]!r}")
    asked = _as_far_as(now, promised)
    before, after = _sentences(asked), _sentences(now)
    if before == after and asked["stretches"] == now["stretches"]:
        return
    gone = [f"- {s}" for s in before if s not in after]
    new = [f"+ {s}" for s in after if s not in before]
    raise Refused(
        f"the world has changed since {path} was made",
        detail="\n".join(gone + new) or "the same steps, of other releases or generations",
        changed="nothing",
        next=f"tenfold plan --to {now['to']} -o {path}    makes it anew",
    )


def _as_far_as(now: Mapping[str, Any], promised: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a kept plan that ends where ``now`` does, if both begin at the same position."""
    wanted, kept = ([s["position"] for s in plan["stretches"]] for plan in (now, promised))
    if kept[: len(wanted)] != wanted:
        return promised
    return {**promised, "stretches": promised["stretches"][: len(wanted)]}


def _sentences(plan: Mapping[str, Any]) -> list[str]:
    return [st.from_json(s).sentence() for x in plan["stretches"] for s in x["steps"]]
