"""The planner: a pure function from what is, and what shall be, to the steps between.

Invariant: a prefix of a plan may be carried out and the rest forgotten; planning again from there
gives the remainder. So "interrupted anywhere, then go on" needs no special case. The order keeps
users served: user files are in place before a release links to them, a release is built before
anything is touched, the database comes before what uses it,
new workers are warm before old ones are asked to go, and nothing is stopped that still serves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tenfold.topology.model import Pool, Topology, Unit, start_order
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.topology.settings import DatabaseSettings, EdgeSettings, EtcdSettings
from tenfold.transitions import workers
from tenfold.transitions.steps import (
    BuildRelease,
    DiscardGeneration,
    EnsureHost,
    Handover,
    KeepFiles,
    MakePages,
    Migrate,
    PrepareDatabase,
    PrunePages,
    PruneReleases,
    PublishAssets,
    RestartUnit,
    ShowPages,
    StartUnit,
    Step,
    StopHost,
    StopUnit,
    Together,
    WarmPool,
    at_once,
    flatten,
)

LIVE = ("running", "draining")


@dataclass(frozen=True, slots=True)
class Goal:
    """What shall be: a topology, the release that serves on it and what both are made from.

    Args:
        topology: hosts, units and pools.
        release: the release that shall serve; ``None`` keeps the pools out of the plan.
        migrate: the release's migration command, run once per release.
        fingerprints: ``host/member`` -> digest of its files and launch.
        prepared: ``host/unit`` of a database -> digest of its roles and grants.
        renew: warm a new generation even if the right release serves already.
        storage: directories of user files, with what would be copied into them at first.
        leaders: database cluster -> path of the unit that leads it; the only one where it is not
            named. Roles and grants are the leader's, followers get theirs from it.
        keep_releases: how many releases stay after a handover.
        pages: the id of the pages that shall be shown as files; ``None`` leaves them as they are.
    """

    topology: Topology
    release: str | None = None
    migrate: str | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    prepared: Mapping[str, str] = field(default_factory=dict)
    renew: bool = False
    keep_releases: int = 5
    storage: tuple[KeepFiles, ...] = ()
    leaders: Mapping[str, str] = field(default_factory=dict)
    pages: str | None = None

    def leads(self, unit: Unit) -> bool:
        """Whether this database unit is the one that accepts writes."""
        settings = unit.settings
        if not isinstance(settings, DatabaseSettings):
            return False
        return self.leaders.get(settings.cluster, unit.path) == unit.path


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps in order. ``kind`` is the command that asked for it."""

    kind: str
    steps: tuple[Step, ...]

    @property
    def empty(self) -> bool:
        """Nothing would change."""
        return not self.steps


def plan(kind: str, now: Observation, goal: Goal) -> Plan:
    """The steps from ``now`` to ``goal``; empty when they are the same already."""
    steps = _hosts(now, goal)
    steps = _build_first(steps, now, goal)
    keep = [step for step in goal.storage if step.directory not in now.storage]
    steps = [*keep, *steps, *superfluous(now, goal)]
    if any(isinstance(s, Handover) for s in flatten(tuple(steps))):
        steps.append(PruneReleases(goal.keep_releases))
    if any(isinstance(s, ShowPages) for s in steps):
        steps.append(PrunePages(goal.keep_releases))
    return Plan(kind, tuple(steps))


def _pages(now: Observation, goal: Goal) -> list[Step]:
    """Have the pages of the goal be shown; they are made before anything is touched for them."""
    if goal.pages is None or goal.pages == now.pages:
        return []
    made = goal.pages in now.made_pages
    make: list[Step] = [] if made else [MakePages(goal.pages, goal.release)]
    return [*make, ShowPages(goal.pages, now.pages)]


def plan_down(now: Observation) -> Plan:
    """Stop everything that runs, hosts with workers first; data, releases and journal stay."""
    running = [h for h in reversed(now.hosts) if h.agent != "absent"]
    running.sort(key=lambda host: not any(u.pool for u in host.units))
    return Plan("down", tuple(StopHost(h.name) for h in running))


def _hosts(now: Observation, goal: Goal) -> list[Step]:
    """Every host with its units. What comes after an app pool comes after the last of them: an edge
    is not begun beside a pool that serves while others are not even warm."""
    steps, early = _peers(now, goal)
    behind: list[Unit] = []
    pools = [pool.path for pool in goal.topology.app_pools]
    for host in goal.topology.hosts:
        if not _runs(now.host(host.name)) and host.name not in early:
            steps.append(EnsureHost(host.name))
        waits = False
        for member in start_order(goal.topology.on(host.name)):
            if isinstance(member.settings, EtcdSettings):
                continue  # They were started before.
            if isinstance(member, Unit):
                if waits:
                    behind.append(member)
                else:
                    steps += _unit(member, steps, now, goal)
            elif member.path in pools:
                waits = member.path != pools[-1]
                if not waits:
                    steps += _app(now, goal)
                    for unit in behind:
                        steps += _unit(unit, steps, now, goal)
    return steps


def _peers(now: Observation, goal: Goal) -> tuple[list[Step], frozenset[str]]:
    """Units that are ready only when others of their kind are, started together and first; and the
    hosts that are there for them by then."""
    peers = [u for u in goal.topology.of(EtcdSettings) if isinstance(u, Unit)]
    hosts = [u.host for u in peers if not _runs(now.host(u.host))]
    starts = [s for u in peers for s in plan_unit(u, now.host(u.host), goal)]
    return [*map(EnsureHost, hosts), *at_once(starts)], frozenset(hosts)


def _unit(unit: Unit, before: list[Step], now: Observation, goal: Goal) -> list[Step]:
    steps: list[Step] = []
    if isinstance(unit.settings, EdgeSettings) and not any(
        isinstance(s, ShowPages) for s in before
    ):
        steps += _pages(now, goal)
    seen = now.host(unit.host)
    return [*steps, *plan_unit(unit, seen, goal), *plan_roles(unit, now, goal)]


def _runs(host: ObservedHost | None) -> bool:
    return host is not None and host.agent == "running"


def plan_unit(unit: Unit, seen: ObservedHost | None, goal: Goal) -> list[Step]:
    """Have one unit run as the goal says; ``seen`` is its host, ``None`` without an agent."""
    is_now = seen.unit(unit.name) if seen and seen.agent == "running" else None
    if is_now is None or is_now.state not in LIVE:
        return [StartUnit(unit.path)]
    if is_now.fingerprint != goal.fingerprints.get(unit.path):
        return [RestartUnit(unit.path)]
    return []


def plan_roles(unit: Unit, now: Observation, goal: Goal) -> list[Step]:
    """Have a database that leads hold the roles and grants of the goal."""
    if not goal.leads(unit):
        return []
    digest = goal.prepared.get(unit.path, "")
    return [] if now.prepared.get(unit.path) == digest else [PrepareDatabase(unit.path, digest)]


def _app(now: Observation, goal: Goal) -> list[Step]:
    """Have the release serve from every app pool.

    All are warm before any is handed over, and then all are at once: two releases serve beside each
    other for as long as the old workers take to finish, in however many zones.
    """
    if goal.release is None:
        return []
    changes = _workers(goal.release, now, goal)
    steps: list[Step] = []
    late: list[Pool] = []
    for pool in goal.topology.app_pools:
        if goal.renew or not _is_right(pool, now, goal):
            late.append(pool)
        else:
            steps += _leftovers(pool, workers.observed(pool, now))
    if not late and now.release == goal.release:
        return [*steps, *workers.before(changes), *workers.after(changes)]
    late = late or list(goal.topology.app_pools[:1])  # whose handover writes down who serves
    usable = ("warm",) if goal.renew else ("warm", "running")
    if goal.migrate and goal.release not in now.migrated:
        steps.append(Migrate(goal.release, goal.migrate))
    handovers, warm = plan_generations(late, now, goal, goal.release, usable)
    steps += warm
    steps += workers.before(changes)
    if now.published != goal.release and goal.topology.of(EdgeSettings):
        steps.append(PublishAssets(goal.release, now.published))
    steps += _pages(now, goal)
    return [*steps, *handovers, *workers.after(changes)]


def _is_right(pool: Pool, now: Observation, goal: Goal) -> bool:
    digest = goal.fingerprints.get(pool.path)
    serving = [
        u for u in workers.observed(pool, now) if u.state == "running" and u.release == goal.release
    ]
    return sum(u.fingerprint == digest for u in serving) >= pool.minimum


def _workers(release: str, now: Observation, goal: Goal) -> tuple[workers.Change, ...]:
    """What replaces the background workers."""
    return tuple(workers.change(wanted) for wanted in wanted_workers(release, now, goal))


def wanted_workers(release: str, now: Observation, goal: Goal) -> tuple[workers.Wanted, ...]:
    """Every kind of worker as it shall be, and what there is of it."""
    return tuple(
        workers.Wanted(
            pool, workers.observed(pool, now), release, goal.fingerprints.get(pool.path), goal.renew
        )
        for pool in workers.worker_pools(goal.topology)
    )


def plan_generations(
    pools: Sequence[Pool],
    now: Observation,
    goal: Goal,
    release: str,
    states: tuple[str, ...],
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The handovers of these pools, all at once; and before them what warms the generations.

    One that an interrupted plan left behind, and that is just what this one wants, needs nothing.
    An app that makes its tables when it starts is warmed pool after pool: two that do it at once
    are in each other's way.

    Args:
        pools: whose.
        now: what they have.
        goal: their fingerprints.
        release: which it must be of.
        states: in which the units of a generation that is there may be.
    """
    handovers: list[Step] = []
    warm: list[Step] = []
    for pool in pools:
        units = workers.observed(pool, now)
        found = _generation(pool, units, release, goal.fingerprints.get(pool.path), states)
        if found is None:
            found = 1 + max((u.generation for u in units), default=0)
            warm.append(WarmPool(pool.path, found, release, pool.minimum))
        handovers.append(Handover(pool.path, found, release))
    together = at_once(warm) if migrates(goal.topology) else tuple(warm)
    return at_once(handovers), together


def migrates(topology: Topology) -> bool:
    """Whether only migrations make tables; not known of a database that is not Tenfold's."""
    databases = [m.settings for m in topology.of(DatabaseSettings)]
    migrate = [isinstance(d, DatabaseSettings) and d.separate_owner for d in databases]
    return bool(migrate) and all(migrate)


def _generation(
    pool: Pool,
    units: tuple[ObservedUnit, ...],
    release: str,
    digest: str | None,
    states: tuple[str, ...],
) -> int | None:
    """The newest one of this release and fingerprint that is complete in one of these states."""
    alike: Counter[int] = Counter()
    for unit in units:
        right = unit.release == release and unit.fingerprint == digest
        if right and unit.state in states:
            alike[unit.generation] += 1
    return max((g for g, count in alike.items() if count >= pool.minimum), default=None)


def _leftovers(pool: Pool, units: tuple[ObservedUnit, ...]) -> list[Step]:
    """Generations that an interrupted deploy warmed and nobody wants any more."""
    serving = {u.generation for u in units if u.state in LIVE}
    stale = sorted({u.generation for u in units} - serving)
    return [DiscardGeneration(pool.path, generation) for generation in stale]


def _build_first(steps: list[Step], now: Observation, goal: Goal) -> list[Step]:
    """Build before anything is touched; on a cold start, beside the unit that starts first."""
    uses = [i for i, step in enumerate(steps) if _uses_release(step)]
    if not uses or goal.release is None or goal.release in now.built:
        return steps
    build = BuildRelease(goal.release)
    starts = [i for i, s in enumerate(steps[: uses[0]]) if isinstance(s, StartUnit)]
    if now.release is None and starts:
        first = starts[0]
        return [*steps[:first], Together((build, steps[first])), *steps[first + 1 :]]
    return [build, *steps]


def _uses_release(step: Step) -> bool:
    return any(isinstance(s, WarmPool | Migrate | Handover) for s in flatten((step,)))


def superfluous(now: Observation, goal: Goal) -> list[Step]:
    """Units and hosts that the goal does not have, last started first stopped."""
    steps: list[Step] = []
    for host in now.hosts:
        if host.name not in {h.name for h in goal.topology.hosts}:
            if host.agent == "running":
                steps.append(StopHost(host.name))
            continue
        wanted = {m.name for m in goal.topology.on(host.name)}
        for unit in reversed(host.units):
            if (unit.pool or unit.name) not in wanted:
                steps.append(StopUnit(f"{host.name}/{unit.name}"))
    return steps
