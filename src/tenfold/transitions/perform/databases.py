"""Databases: following, comparing, fencing, promoting. Each effect verifies what it did."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace

import psycopg

import tenfold.engines.postgresql.admin as admin
from tenfold import interrupts
from tenfold.engines.postgresql import orders, replication, switch
from tenfold.engines.postgresql.disk import DiskState, parse_disk_state
from tenfold.engines.postgresql.login import Connection, login
from tenfold.engines.postgresql.peers import slot_name
from tenfold.engines.postgresql.verify import verify
from tenfold.engines.protocol import Scene
from tenfold.errors import NotBegun, Refused, StepFailed, Superseded, TenfoldError, UnitFailed
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Pool, Topology, Unit
from tenfold.topology.process import Command
from tenfold.topology.settings import (
    DatabaseSettings,
    EndpointSettings,
    FailoverSettings,
    PatroniSettings,
)
from tenfold.transitions import steps, taking_back
from tenfold.transitions.copies import without_copies_on, without_copy
from tenfold.transitions.pause import stop_point
from tenfold.transitions.perform import resting
from tenfold.transitions.perform.catching_up import Race, Rates, Sample
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.holding import remaining
from tenfold.transitions.perform.members import require_leads
from tenfold.transitions.perform.world import Tell, World

LEVEL_BYTES = 16 << 20
"""A follower that is nearer than this is as good as level."""

LOOK_EVERY_SECONDS = 0.2
VERIFY_SECONDS = 1800.0
STOP_SHARE = 0.5
READ_ONLY = "in a read-only transaction"
LOG_LINES = 100_000
PROMOTE_SECONDS = 30.0
CHECKPOINT_SECONDS = 300.0
BACK_SECONDS = 10.0
"""How long a hold may last once it is being taken back: less than the edge waits for a worker."""
FORWARD_SECONDS = 120.0
"""How long a hold may last once there is only the way forward."""
DELETE_SECONDS = 600.0
SET_ASIDE = (
    *("/bin/sh", "-euc"),
    'rm -rf -- "$1.removed"; [ -e "$1" ] || exit 0; mv -T -- "$1" "$1.removed"; sync -- "${1%/*}"',
    "sh",
)
"""With the folder: have no data be there any more, in one act that a power cut does not undo."""
DELETE_ASIDE = ("/bin/sh", "-euc", 'rm -rf -- "$1.removed"', "sh")
HEARD_SECONDS = 0.5
"""So long a host has to answer, and to look at a disk, whose word is not needed."""
RESCUE_SECONDS = 4.0
"""What whoever stands by needs to end a command that stands still, and to take its place."""


@effect.register
def _(step: steps.EnsureSlot, world: World, tell: Tell) -> None:
    made = replication.ensure_slot(_session(step.leader, world), f"tenfold_{step.node}")
    if made.lost:
        raise StepFailed(
            f"{step.leader} has let go of the log that node {step.node} still needs",
            changed="nothing for your users",
            next="tenfold abort    removes that copy; then begin anew",
        )


@effect.register
def _(step: steps.DropSlot, world: World, tell: Tell) -> None:
    replication.drop_slot(_session(step.leader, world), f"tenfold_{step.node}")


@effect.register
def _(step: steps.CatchUp, world: World, tell: Tell) -> None:
    unit, _ = database_unit(step.follower, world)
    slot = slot_name(settings_of(unit))
    began, race = time.monotonic(), Race(step.max_seconds)
    while True:
        state = replication.follower_state(
            _session(step.leader, world), _session(step.follower, world), slot
        )
        if state.lost:
            raise _gone(step)
        if state.streaming and state.behind_bytes < LEVEL_BYTES:
            return
        now = time.monotonic()
        _look(race, state, now)
        tell(f"{size(state.behind_bytes)} behind" if state.streaming else "connecting")
        if race.is_hopeless or now - began > step.max_seconds:
            raise _outrun(step, state.behind_bytes, now - began, race)
        time.sleep(LOOK_EVERY_SECONDS)


@effect.register
def _(step: steps.Verify, world: World, tell: Tell) -> None:
    follower, scene = database_unit(step.follower, world)
    leader, leader_scene = database_unit(step.leader, world)
    report = verify(
        login(leader, leader_scene, "superuser", database=admin.MAINTENANCE),
        login(follower, scene, "superuser", database=admin.MAINTENANCE),
        within_seconds=VERIFY_SECONDS,
        tell=tell,
        began_to_read=lambda here, there: _stand_back(
            world, {leader.host: here.info.backend_pid, follower.host: there.info.backend_pid}
        ),
    )
    world.evidence.verification = asdict(report)
    if not report.same:
        raise StepFailed(
            f"{step.follower} is not the same as {step.leader}: {report.differences[0]}",
            changed=f"nothing for your users: {step.leader} leads",
            next="tenfold abort    removes that copy; then begin anew",
            detail="\n".join(report.differences),
        )
    without_copy(world.journal, step.follower)


def _stand_back(world: World, backends: Mapping[str, int]) -> None:
    """Have these backends, by host, leave the processor to whoever serves."""
    for host, pid in backends.items():
        with suppress(TenfoldError):  # a courtesy: hours of copying must not fail for want of it
            world.agent(host).run(orders.stand_back([pid]))


@effect.register
def _(step: steps.Checkpoint, world: World, tell: Tell) -> None:
    leader, *followers = (_session(path, world) for path in step.units)
    if not followers:
        switch.checkpoint_within(leader, CHECKPOINT_SECONDS)
    for follower in followers:
        switch.make_stop_short(leader, follower, within_seconds=CHECKPOINT_SECONDS)
    world.evidence.checkpoint = step, time.monotonic()


@effect.register
def _(step: steps.Fence, world: World, tell: Tell) -> None:
    unit, scene = database_unit(step.unit, world)
    agent = world.agent(unit.host)
    budget = remaining(world, world.terms.max_hold_seconds)
    resting.for_good(world)
    world.evidence.fencing.add(step.unit)
    run_at(world, unit, orders.fence(unit, scene))
    stop_point("Fence.told")
    world.sessions.drop(step.unit)
    agent.stop(unit.name, budget * STOP_SHARE)
    state = disk_state(world, unit)
    if state.signal != "fenced" or not state.led_and_was_shut_down:
        raise StepFailed(
            f"{step.unit} could not be stopped in order: it is {state.state!r},"
            f" {state.processes} processes left"
        )
    world.evidence.fenced[step.unit] = state


@effect.register
def _(step: steps.Unfence, world: World, tell: Tell) -> None:
    unit, scene = database_unit(step.unit, world)
    keep_waiting(world)
    if step.successor:
        _require_nobody_leads_instead(step, world)
    world.evidence.fenced.pop(step.unit, None)
    found = disk_state(world, unit)
    if found.came_back_read_only:  # it would not notice, and go on like that
        world.agent(unit.host).stop(unit.name)
    run_at(world, unit, orders.unfence(unit, scene))
    # As part of taking a switch back: without its leader nothing goes on.
    if not found.leads:
        world.own_sockets(unit.host).start(world.blueprint.order(unit))
    world.evidence.fencing.discard(step.unit)  # not before: until it runs, writes go nowhere
    resting.for_now(world)


@effect.register
def _(step: steps.AwaitLast, world: World, tell: Tell) -> None:
    fenced, _ = database_unit(step.fenced, world)
    state = _require_fenced(world, fenced)
    began, left = time.monotonic(), remaining(world, world.terms.max_hold_seconds)
    session = world.sessions.at(*database_unit(step.follower, world), left)
    left -= time.monotonic() - began
    with session.within(left):
        switch.wait_until_replayed(session, state.checkpoint, within_seconds=left, beyond=True)


@effect.register
def _(step: steps.Promote, world: World, tell: Tell) -> None:
    fenced, _ = database_unit(step.fenced, world)
    try:
        asked = world.evidence.asked  # then there is only the way forward
        left = PROMOTE_SECONDS if asked else remaining(world, world.terms.max_hold_seconds)
        session = world.sessions.at(*database_unit(step.unit, world), left)
        with session.within(left):
            follows = switch.follows(session)
        if follows:
            _require_fenced(world, fenced)
            # An agent refuses a command that was overtaken; whoever overtook it and unfences the
            # old leader ends this very session first. So it is never promoted beside an unfenced
            # one.
            _hold_on(world, fenced.host)
    except Superseded:
        raise
    except (TenfoldError, psycopg.Error) as error:
        raise _not_begun(step, error) from error
    if follows:
        with interrupts.one_at_most() as guard:
            guard.hold()  # Until here it is taken back, from the answer on it is finished.
            world.evidence.asked = True
            if world.evidence.waits():  # else nobody would say that nobody waits any more
                world.evidence.expect(forward_seconds(world.terms.max_hold_seconds))
            with session.within(PROMOTE_SECONDS):
                switch.promote(session)
            world.evidence.promoted = True
    else:
        world.evidence.promoted = True
    with session.within(PROMOTE_SECONDS):
        switch.wait_until_writable(session, within_seconds=PROMOTE_SECONDS)


@effect.register
def _(step: steps.RemoveData, world: World, tell: Tell) -> None:
    host, _, name = step.unit.partition("/")
    agent = world.agent(host)
    if agent.observe().unit(name) is not None:
        raise Refused(f"{step.unit} is still declared; its data was not deleted")
    if step.leader is not None:
        require_leads(step.leader, world)
    folder = f"{agent.paths.root}/data/{name}"
    # Whoever is cut off while files are deleted must not leave half of what is taken for data.
    _delete(SET_ASIDE, folder, agent)
    stop_point("RemoveData.aside")
    _delete(DELETE_ASIDE, folder, agent)
    without_copy(world.journal, step.unit)


def _delete(order: tuple[str, ...], folder: str, agent: HostAgent) -> None:
    finished = agent.run(Command((*order, folder), cwd="/", within_seconds=DELETE_SECONDS))
    if finished.code != 0:
        raise UnitFailed(f"{folder} could not be deleted", detail=finished.tail)


@effect.register
def _(step: steps.RemoveHost, world: World, tell: Tell) -> None:
    world.target.set_aside(step.host)
    stop_point("RemoveHost.aside")
    world.target.delete_aside()
    without_copies_on(world.journal, step.host)


@effect.register
def _(step: steps.Follow, world: World, tell: Tell) -> None:
    unit, scene = database_unit(step.unit, world)
    run_at(world, unit, orders.follow(unit, scene))
    agent = world.own_sockets(unit.host)
    agent.write(world.blueprint.render(unit)[0])
    agent.start(world.blueprint.order(unit))


def forward_seconds(max_hold_seconds: float) -> float:
    """Within how long there is news of a switch that is finished forward."""
    return 2 * max_hold_seconds + RESCUE_SECONDS


def disk_state(world: World, unit: Unit) -> DiskState:
    """What the unit's data directory says, whether its server runs or not."""
    scene = world.blueprint.scene(unit)
    return parse_disk_state(run_at(world, unit, orders.disk_state(unit, scene)))


def direct(topology: Topology) -> Topology:
    """The topology without endpoints, and who leads them: the app reaches its database itself."""
    led = (EndpointSettings, FailoverSettings)
    kept = tuple(u for u in topology.units if not isinstance(u.settings, led))
    return replace(topology, units=kept, pools=tuple(replace(p, after=()) for p in topology.pools))


def refused_writes(world: World, path: str | None = None) -> int | None:
    """How many statements a database refused so far because it follows, by its log.

    ``None`` where it leads, so that nothing is refused; ``path`` is by default the one that the
    goal wants to lead. Where databases are in Patroni's care an endpoint leads to whoever leads: no
    worker is warmed on a follower.
    """
    if path is None and world.blueprint.topology.of(PatroniSettings):
        return None
    for found in [path] if path else world.blueprint.leaders.values():
        unit, scene = database_unit(found, world)
        if isinstance(unit.settings, PatroniSettings):
            return None  # the app reaches whoever leads, and that need not be this one
        if not switch.follows(world.sessions.at(unit, scene)):
            return None
        lines = world.target.logs(unit.host, [unit.name], lines=LOG_LINES, follow=False)
        return sum(READ_ONLY in line for _, line in lines)
    return None


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit in ("B", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError


def _require_fenced(world: World, unit: Unit) -> DiskState:
    """What its disk says; looked at again unless this command fenced it itself, a moment ago."""
    known = world.evidence.fenced.get(unit.path)
    state = known if isinstance(known, DiskState) else disk_state(world, unit)
    if not state.fenced or not state.led_and_was_shut_down:
        raise Refused(f"{unit.path} is not fenced: {state.state}, signal {state.signal}")
    return state


def _hold_on(world: World, host: str) -> None:
    """From the promotion on the old workers must not accept again: their database is fenced."""
    hold = world.evidence.holding()
    if hold is None:  # in another command's time; some agent has to know that this one may act
        world.agent(host).write(())
        return
    for path in hold.pools:
        app_host, _, pool = path.partition("/")
        world.agent(app_host).hold(pool, FORWARD_SECONDS)


def _require_nobody_leads_instead(step: steps.Unfence, world: World) -> None:
    """See that the successor does not lead, and will not.

    Known without a look of a fence that was set here: nobody was asked since, and whoever fenced
    before had its sessions ended when that fence was taken away. Of one that was killed, the
    journal says so: its intention to ask is there before it asks, and since this command has begun
    the journal takes none of it any more. What a disk says counts for more than a journal, so the
    successor is looked at all the same, but not waited for.

    Raises:
        Refused: it leads.
        TenfoldError: it says nothing, and by the journal it may have been asked to lead.
    """
    asked = world.evidence.asked
    if step.unit in world.evidence.fencing and not asked:
        return
    successor, _ = database_unit(step.successor, world)
    by_journal = not asked and not taking_back.was_asked(
        taking_back.reliable(world.journal), step.unit
    )
    state = _heard_at_once(world, successor) if by_journal else disk_state(world, successor)
    if state is not None and state.cluster and state.signal == "none":
        raise Refused(
            f"{step.successor} leads already, so {step.unit} must not",
            next="tenfold resume    finishes the switch; tenfold reverse takes it back",
        )
    if not by_journal:
        _end_stale_sessions(step.successor, world)


def _heard_at_once(world: World, unit: Unit) -> DiskState | None:
    """What the unit's data directory says; ``None`` where its host does not: users wait."""
    command = orders.disk_state(unit, world.blueprint.scene(unit))
    try:
        agent = world.target.reach(unit.host, HEARD_SECONDS)
        if agent is None:
            return None
        finished = agent.run(replace(command, within_seconds=HEARD_SECONDS))
    except Superseded:
        raise
    except TenfoldError:
        return None
    return parse_disk_state(finished.tail) if finished.code == 0 else None


def keep_waiting(world: World) -> None:
    """While a leader starts again nobody may be let go to it, whatever time the agent had left."""
    hold = world.evidence.holding()
    if hold is None:
        return
    for path in hold.pools:
        host, _, pool = path.partition("/")
        with suppress(TenfoldError):  # then its own bound is what there is
            world.agent(host).hold(pool, BACK_SECONDS)
            world.evidence.expect(BACK_SECONDS - RESCUE_SECONDS)


def _end_stale_sessions(path: str, world: World) -> None:
    """End the sessions by which an overtaken command could still promote this follower.

    Raises:
        Refused: it leads already.
    """
    unit, scene = database_unit(path, world)
    seen = world.agent(unit.host).observe().unit(unit.name)
    if seen is None or seen.state != "running":
        return  # nobody has a session there
    session = world.sessions.at(unit, scene)
    session.execute(
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
        " WHERE application_name = 'tenfold' AND pid <> pg_backend_pid()"
    )
    if not switch.follows(session):
        raise Refused(f"{path} leads already", next="tenfold resume")


def run_at(world: World, unit: Unit, command: Command) -> str:
    """What an order on the unit's host printed. Raises ``UnitFailed`` if it did not exit 0."""
    finished = world.agent(unit.host).run(command)
    if finished.code != 0:
        raise UnitFailed(
            f"{' '.join(command.argv[:3])} on {unit.host} exited {finished.code}",
            detail=finished.tail,
        )
    return finished.tail


def _session(path: str, world: World) -> Connection:
    return world.sessions.at(*database_unit(path, world))


def database_unit(path: str, world: World) -> tuple[Unit, Scene]:
    """A database of the goal's topology, and its scene."""
    unit = world.blueprint.topology.member(path)
    assert isinstance(unit, Unit)
    return unit, world.blueprint.scene(unit)


def settings_of(unit: Unit | Pool) -> DatabaseSettings:
    """The settings of what is known to be a database."""
    assert isinstance(unit.settings, DatabaseSettings)
    return unit.settings


def _not_begun(step: steps.Promote, error: TenfoldError | psycopg.Error) -> NotBegun:
    if isinstance(error, TenfoldError):
        return NotBegun(error.what, changed=error.changed, next=error.next, detail=error.detail)
    return NotBegun(f"{step.unit} was not asked to lead: PostgreSQL broke off", detail=str(error))


def _gone(step: steps.CatchUp) -> StepFailed:
    return StepFailed(
        f"{step.follower} was left behind for too long: {step.leader} has let go of its log",
        changed=f"nothing for your users: {step.leader} leads",
        next="tenfold abort    removes that copy; then begin anew",
    )


def _look(race: Race, state: replication.FollowerState, now: float) -> None:
    if state.streaming and state.replayed_lsn is not None:
        written, replayed = switch.position(state.leader_lsn), switch.position(state.replayed_lsn)
        race.saw(Sample(now, written, replayed))
    else:
        race.lost_sight()


def _outrun(step: steps.CatchUp, behind_bytes: int, seconds: float, race: Race) -> StepFailed:
    known, hopeless = race.rates, race.is_hopeless
    told = f": {pace(step.leader, step.follower, known, behind_bytes)}" if known else ""
    longer = "" if hopeless else ', or  [transition] max_catch_up = "2h"'
    behind = f"{size(behind_bytes)} behind after {seconds:.0f} s"
    return StepFailed(
        f"{step.follower} does not catch up, {behind}{told}",
        changed=f"nothing for your users: {step.leader} leads, requests were never held",
        next="tenfold resume    tries again, a quieter hour may do\n"
        "tenfold abort     removes that copy\n"
        f"a faster disk for {step.follower}{longer}",
    )


def pace(leader: str, follower: str, rates: Rates, behind_bytes: int) -> str:
    """How fast one writes and the other replays, and what comes of it."""
    told = f"{leader} writes {size(rates.writes)}/s, {follower} replays {size(rates.replays)}/s"
    if rates.falls_behind > 0:
        return f"{told}: it falls behind by {size(rates.falls_behind)}/s"
    if rates.falls_behind < 0:
        return f"{told}: it needs about {behind_bytes / -rates.falls_behind:.0f} s more"
    return told
