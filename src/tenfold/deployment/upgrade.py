"""Having engines run what is installed: looked for, refused, carried out."""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from tenfold.deployment import app_secrets, hosts, leading, restore_in_place, site_facts, work
from tenfold.deployment.carrying import carry_claimed
from tenfold.deployment.cross import SWITCH_SECONDS, terms_of
from tenfold.deployment.rescue import standing_by
from tenfold.engines import programs
from tenfold.engines.nginx.build import parse_build
from tenfold.engines.patroni import probe
from tenfold.engines.patroni.binaries import require_patroni as patroni_here
from tenfold.engines.postgresql.render import server
from tenfold.errors import (
    Interrupted,
    LeftHalfDone,
    Refused,
    StepFailed,
    Superseded,
    TenfoldError,
)
from tenfold.state import secrets
from tenfold.topology.process import Command
from tenfold.topology.settings import PatroniSettings
from tenfold.transitions import planner, upgrading
from tenfold.transitions import steps as st
from tenfold.transitions.interrupting import Bounds
from tenfold.transitions.perform import World
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.perform.serving import STALE, WARM_SECONDS
from tenfold.transitions.perform.sessions import Sessions
from tenfold.transitions.perform.switching import TO_WHOEVER_LEADS
from tenfold.transitions.steps import cluster
from tenfold.transitions.upgrading import Wish

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.targets.protocol import HostAgent
    from tenfold.topology.model import Unit
    from tenfold.topology.observation import Observation
    from tenfold.transitions.planner import Plan
    from tenfold.transitions.runner import Listener

SEVERAL_SHARE = 1.5
"""How much longer several workers take to start at once than one."""

FINISHING_TRIES = 3
AGAIN_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Behind:
    """An engine that is to restart.

    ``runs`` and ``installed`` are versions as the programs say them, ``None`` where they do not, or
    where nothing runs. ``waits``: requests wait while it restarts. ``current``: it runs what is
    installed, and restarts because somebody wants that.
    """

    unit: str
    engine: str
    runs: str | None
    installed: str | None
    waits: bool
    current: bool = False

    @property
    def may_lose_idle_clients(self) -> bool:
        """Whether it is an edge that has to leave and does not spare them; see decision 3."""
        if self.engine != "nginx" or self.runs is None:
            return False
        return not parse_build(f"nginx/{self.runs}").spares_idle_clients

    @property
    def sentence(self) -> str:
        """What is different, in words."""
        if self.current:
            return self.installed or "as it is"
        if self.runs == self.installed:
            version = f"{self.installed} " if self.installed else ""
            return f"{version}(the same version, installed anew)"
        return f"{self.runs or 'an earlier build'} → {self.installed or 'what is installed'}"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What there is to do; ``seconds`` is how long requests are expected to wait, 0.0 if none."""

    intent: Intent
    todo: Plan
    behind: tuple[Behind, ...]
    seconds: float
    bound_seconds: float


def look(deployment: Deployment, *, restart: float | None = None) -> Upgrade:
    """What an upgrade would do now; changes nothing.

    Args:
        deployment: of what.
        restart: have every engine restart that was started before then (seconds since the epoch).

    Raises:
        Refused: nothing serves, or the data is of a major version that is not installed, or a
            database is to restart and no other one is there to lead.
        TargetError: a host does not answer.
    """
    intent = work.serving(deployment, renders=True)
    now = deployment.observe()
    wish = _wish(deployment, intent, restart)
    todo = upgrading.plan(upgrading.KIND, now, intent.goal, wish)
    return Upgrade(
        intent=intent,
        todo=todo,
        behind=_all_behind(intent, now, wish),
        seconds=_expected_seconds(deployment, intent, todo),
        bound_seconds=wish.bounds.max_hold_seconds,
    )


def outdated(deployment: Deployment) -> tuple[str, ...]:
    """The engines that run something else than what is installed, of a site that serves.

    Raises:
        TenfoldError: the file cannot be read, a host does not answer, an engine is not installed.
    """
    intent = work.serving(deployment, renders=True)
    found = _all_behind(intent, deployment.observe(), _wish(deployment, intent, None))
    return tuple(f"{b.unit}: {b.sentence}" for b in found if b.runs is not None)


def require_ready(deployment: Deployment, upgrade: Upgrade) -> None:
    """See that it can be done, before anything is touched.

    Raises:
        Refused: a move or a restore is not complete, or an installed program does not run.
    """
    deployment.require_settled()
    restore_in_place.require_none(deployment, "upgrade")
    if deployment.crossing is not None:
        raise Refused(
            "a move between stages is not complete yet: its way back runs the same engines",
            next="tenfold complete    or  tenfold reverse  and  tenfold abort",
        )
    for host in deployment.observe(upgrade.intent.target).hosts:
        if any(u.pid is not None and u.program is None for u in host.units):
            raise Refused(
                f"the agent of {host.name} was started by an earlier Tenfold, and cannot tell what"
                " its units run",
                next="tenfold down  and  tenfold up    once, at a quiet hour",
            )
    for found in upgrade.behind:
        if found.engine in programs.ASKED_WITH and found.installed is None:
            raise Refused(
                f"what is installed for {found.unit} does not run on its host",
                changed="nothing: what runs goes on",
                next="install it again; tenfold doctor says which one is looked for",
            )


def carry_out(
    deployment: Deployment, upgrade: Upgrade, listener: Listener, *, restart: float | None = None
) -> float:
    """Do it; gives how many seconds requests waited. The caller holds the lock.

    How long a worker takes to start is tried first: as long do requests wait. Once a server that
    workers have sessions with is asked to restart there is only the way forward, and it is gone
    some more times.

    Raises:
        Refused: requests would wait for too long.
        TenfoldError: a step failed; says what that means for the users.
    """
    evidence, sessions = Evidence(), Sessions()
    _tried(deployment, upgrade, listener, sessions)
    tries = 0
    try:
        while True:
            try:
                _run(deployment, upgrade, upgrade.todo, listener, sessions, evidence)
                break
            except (TenfoldError, KeyboardInterrupt) as error:
                tries += 1
                last = deployment.journal.last()
                over = isinstance(error, LeftHalfDone | Superseded)
                only_forward = not over and last is not None and last.outcome == "failed"
                if not only_forward or tries >= FINISHING_TRIES:
                    raise _told(error, deployment, evidence) from error
                time.sleep(AGAIN_SECONDS * tries)
                evidence.ended()
                upgrade = look(deployment, restart=restart)
    finally:
        sessions.close()
    deployment.journal.set(app_secrets.FACT, upgrade.intent.secret_versions)
    secrets.remember(deployment.layout.secrets, upgrade.intent.taken)
    return sum(hold.seconds for hold in evidence.holds)


def _run(
    deployment: Deployment,
    upgrade: Upgrade,
    todo: Plan,
    listener: Listener,
    sessions: Sessions,
    evidence: Evidence,
) -> None:
    intent = upgrade.intent
    world = World(
        blueprint=intent.blueprint,
        target=intent.target,
        journal=deployment.journal,
        releases=intent.releases,
        sessions=sessions,
        evidence=evidence,
        terms=terms_of(deployment, str(intent.goal.release)),
    )
    with contextlib.ExitStack() as stack:
        if any(isinstance(s, cluster.SwitchOver) for s in st.flatten(todo.steps)):
            evidence.expect = stack.enter_context(standing_by(deployment.layout))
            stack.callback(evidence.stand_alone)
        stack.enter_context(site_facts.under_way(intent, "upgrade"))
        carry_claimed(world, intent.target, todo, listener, takes_back=True)


def _told(error: BaseException, deployment: Deployment, evidence: Evidence) -> TenfoldError:
    told = error if isinstance(error, TenfoldError) else Interrupted("upgrade")
    # What holds and rests say is said of moves.
    told.next = (told.next or "").replace("tenfold resume", "tenfold upgrade") or None
    if told.next is None or "tenfold upgrade" not in told.next:
        again = "tenfold upgrade    goes on from here"
        told.next = f"{told.next}\n{again}" if told.next else again
    if evidence.ordered and not evidence.lost and TO_WHOEVER_LEADS not in (told.changed or ""):
        known = f"{told.changed}\n" if told.changed else ""
        told.changed = f"{known}{TO_WHOEVER_LEADS}"
    if deployment.facts().get(STALE):
        known = f"{told.changed}\n" if told.changed else ""
        told.changed = (
            f"{known}a server was restarted, and the app's workers have lost their sessions: what"
            " does not look for that answers with errors until new ones take over"
        )
    return told


def _tried(
    deployment: Deployment, upgrade: Upgrade, listener: Listener, sessions: Sessions
) -> None:
    """Start a worker and end it, where requests will wait for that; see that there is time."""
    if not _brings_workers(upgrade.todo):
        return
    goal = upgrade.intent.goal
    leader = next((u for u in goal.topology.units if goal.leads(u)), None)
    now = deployment.observe()
    if leader is not None and upgrading.live(now, leader) is not None:
        assert goal.release is not None
        step = st.TrialStart(goal.topology.app_pool.path, leader.path, goal.release)
        todo = planner.Plan(upgrading.KIND, (step,))
        evidence = Evidence()
        try:
            _run(deployment, upgrade, todo, listener, sessions, evidence)
        except (TenfoldError, KeyboardInterrupt) as error:
            raise _told(error, deployment, evidence) from error
    needed = _expected_seconds(deployment, upgrade.intent, upgrade.todo)
    if needed > upgrade.bound_seconds:
        raise Refused(
            f"requests may wait {upgrade.bound_seconds:g} s, and the restart would take about"
            f" {needed:.1f} s, most of it for the app's start",
            changed="nothing: every engine runs on",
            next=f'[transition] max_hold = "{needed * 1.5:.0f}s"  in tenfold.toml;'
            "  less than [edge] hold",
        )


def _holds(todo: Plan) -> bool:
    return any(isinstance(step, st.Hold) for step in todo.steps)


def _brings_workers(todo: Plan) -> bool:
    """Whether requests wait until new workers serve them, and not only for another leader."""
    return _holds(todo) and any(isinstance(step, st.RenewServer) for step in todo.steps)


def _expected_seconds(deployment: Deployment, intent: Intent, todo: Plan) -> float:
    """From how long one worker took to start, the last time that it was tried."""
    if not _brings_workers(todo):
        return SWITCH_SECONDS if _holds(todo) else 0.0
    pools = intent.goal.topology.app_pools
    several = pools[0].minimum > 1
    alone = several and intent.spec.release.migrate is None  # the first starts by itself then
    starts = (1.0 if alone else 0.0) + (SEVERAL_SHARE if several else 1.0)
    once = float(deployment.facts().get(WARM_SECONDS, 0.0))
    return len(pools) * starts * once + SWITCH_SECONDS


def _wish(deployment: Deployment, intent: Intent, restart: float | None) -> Wish:
    terms = terms_of(deployment, str(intent.goal.release))
    view = leading.view_of(intent.blueprint)
    return Wish(
        programs=work.programs_of(intent),
        bounds=Bounds(
            terms.max_hold_seconds, terms.max_postpone_seconds, terms.max_postpone_seconds
        ),
        patience_seconds=intent.spec.server.drain_seconds,
        anyway=restart,
        stale=bool(deployment.facts().get(STALE)),
        brings_back=tuple(hosts.ways_back(deployment).values()),
        in_sync=() if view is None else view.in_sync,
    )


def _all_behind(intent: Intent, now: Observation, wish: Wish) -> tuple[Behind, ...]:
    truly_behind = upgrading.behind(now, intent.goal, replace(wish, anyway=None))
    return tuple(
        _behind(unit, wish.programs[unit.path], intent, now, current=unit not in truly_behind)
        for unit in upgrading.behind(now, intent.goal, wish)
    )


def _behind(
    unit: Unit, wanted: tuple[str, ...], intent: Intent, now: Observation, *, current: bool
) -> Behind:
    host = now.host(unit.host)
    seen = host.unit(unit.name) if host is not None else None
    agent = intent.target.reach(unit.host)
    in_care = isinstance(unit.settings, PatroniSettings)
    runs = installed = None
    if agent is not None:
        program = wanted[1] if in_care else wanted[0]
        installed = programs.version_of(unit.engine, program, _asks(agent))
        pid = None if seen is None else seen.pid
        if in_care and pid is not None:
            pid = _server_of(unit, intent, agent)
        runs = None if pid is None else _running(unit, pid, agent)
    keeper = (
        probe.version(unit, intent.blueprint.scene(unit))
        if in_care and runs and installed
        else None
    )
    if keeper is not None:
        runs, installed = f"{runs}, Patroni {keeper}", f"{installed}, Patroni {patroni_here()}"
    return Behind(
        unit=unit.path,
        engine=unit.engine,
        runs=runs,
        installed=installed,
        waits=upgrading.waits(unit),
        current=current,
    )


def _running(unit: Unit, pid: int, agent: HostAgent) -> str | None:
    return programs.version_of(unit.engine, programs.of_process(pid), _asks(agent))


def _server_of(unit: Unit, intent: Intent, agent: HostAgent) -> int | None:
    """The process of the server that a unit looks after; ``None`` where none runs."""
    file = f"{server(unit, intent.blueprint.scene(unit)).data}/postmaster.pid"
    code, said = _asks(agent)(
        Command(("head", "-n", "1", file), within_seconds=programs.WITHIN_SECONDS)
    )
    return int(said) if code == 0 and said.strip().isdigit() else None


def _asks(agent: HostAgent) -> programs.Run:
    def run(command: Command) -> tuple[int, str]:
        try:
            finished = agent.run(replace(command, cwd="/"))
        except StepFailed as fault:  # it cannot be executed, or does not end
            return 1, fault.what
        return finished.code, finished.tail

    return run
