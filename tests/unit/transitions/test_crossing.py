"""Crossings, planned: every position leads to every other, interrupted anywhere, one leader."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.support.crossing_model import World, absent, apply, database, writable

from tenfold.errors import Refused
from tenfold.spec.read import parse
from tenfold.stages.facts import AppFacts, Machine
from tenfold.stages.path import ORDER as EVERY
from tenfold.stages.path import position
from tenfold.topology.databases import Role
from tenfold.topology.observation import Observation
from tenfold.transitions import steps as st
from tenfold.transitions.crossing import Seen, Terms, plan
from tenfold.transitions.crossing import reached as expected
from tenfold.transitions.planner import Goal, Plan
from tenfold.transitions.planner import plan as plan_fresh

SPEC = parse(
    """
    name = "shop"
    app = "shop:app"
    [edge]
    domain = "shop.example"
    tls = "auto"
    [redis]
    [workers.mail]
    command = "celery -A shop worker"
    count = 2
    [workers.beat]
    command = "celery -A shop beat"
    """
)
MACHINE, FACTS = Machine(cores=2, memory_bytes=4 << 30), AppFacts("uvicorn", "asgi")
ORDER = EVERY[EVERY.index("10") : EVERY.index("100") + 1]
PATHS = ("apphost/postgres", "db1/postgres")
OPTIONAL = (
    *(st.Check, st.CatchUp, st.TrialStart, st.Checkpoint, st.Settle, st.AwaitLast),
    *(st.DiscardGeneration, st.PruneReleases, st.EnsureHost),
)


def goal(name: str) -> Goal:
    """A position as it is planned for; hosts are called alike in all of them."""
    wanted = position(name, SPEC, MACHINE, FACTS)
    own = "vm1" if wanted.stage == "10" else "app1"

    def same(text: str) -> str:
        return text.replace(own, "apphost")

    topology = replace(
        wanted.topology,
        hosts=tuple(replace(h, name=same(h.name)) for h in wanted.topology.hosts),
        units=tuple(replace(u, host=same(u.host)) for u in wanted.topology.units),
        pools=tuple(replace(p, host=same(p.host)) for p in wanted.topology.pools),
    )
    prints = {m.path: f"{m.path} at {name}" for m in topology.members()}
    for name_of_one in ("edge", "certificates", "redis"):
        prints[f"apphost/{name_of_one}"] = "the same everywhere"
    for pool in topology.pools:
        prints[pool.path] = f"{pool.name} of stage {wanted.stage}"
    return Goal(
        topology=topology,
        release="r1",
        fingerprints=prints,
        prepared=dict.fromkeys(PATHS, "grants"),
        leaders={c: same(p) for c, p in wanted.leaders.items()},
    )


def settled(name: str) -> World:
    """The app at a stage, brought up fresh."""
    wanted = goal(name)
    world = World(Seen(Observation(), {p: absent(p) for p in PATHS}))
    for step in st.flatten(plan_fresh("up", Observation(), wanted).steps):
        world = apply(step, world, wanted)
    return world


def go(world: World, name: str, *, terms: Terms | None = None) -> World:
    for step in steps_to(world, name, terms=terms):
        world = apply(step, world, goal(name))
        assert len(writable(world)) <= 1, step
    return world


def steps_to(world: World, name: str, *, terms: Terms | None = None) -> tuple[st.Step, ...]:
    return st.flatten(plan("grow", world.seen, goal(name), terms or Terms()).steps)


def kinds(steps: tuple[st.Step, ...]) -> list[str]:
    """What a move is made of, its background workers apart."""
    return [name for name in (type(s).__name__ for s in steps) if "Workers" not in name]


def test_growing_prepares_first_and_touches_no_request() -> None:
    steps = steps_to(settled("10"), "10+100")
    assert kinds(steps) == [
        *("EnsureHost", "RestartUnit", "Check", "EnsureSlot", "StartUnit", "CatchUp"),
        *("TrialStart", "Verify"),
    ]
    assert st.StartUnit("db1/postgres") in steps


def test_the_switch_fences_before_it_promotes_and_ends_with_the_way_back() -> None:
    steps = steps_to(go(settled("10"), "10+100"), "100+10")
    assert kinds(steps) == [
        *("RestartUnit", "RestartUnit", "Check", "CatchUp", "StartUnit", "WarmPool"),
        *("Settle", "Checkpoint", "Hold", "Fence", "AwaitLast", "Promote", "Handover"),
        *("EnsureSlot", "Follow", "PrepareDatabase"),
    ]


def test_workers_rest_before_the_hold_and_begin_anew_once_the_way_back_exists() -> None:
    steps = steps_to(go(settled("10"), "10+100"), "100+10")
    bounds = {"postpone_seconds": 600.0}
    assert [s for s in steps if "Workers" in type(s).__name__] == [
        st.RestWorkers("apphost/beat", **bounds),  # type: ignore[arg-type]
        st.RestWorkers("apphost/mail", **bounds),  # type: ignore[arg-type]
        st.StartWorkers("apphost/mail", 2, "r1", 2),
        st.StartWorkers("apphost/beat", 2, "r1", 1),
        st.ForgetWorkers("apphost/beat", 2),
        st.ForgetWorkers("apphost/mail", 2),
    ]
    names = [type(s).__name__ for s in steps]
    assert names.index("WarmPool") < names.index("RestWorkers") < names.index("Settle")
    assert names.index("Follow") < names.index("StartWorkers")


def test_while_no_database_leads_the_hold_does_not_wait_for_requests_that_wait_for_one() -> None:
    world = go(settled("10"), "10+100")
    whole = steps_to(world, "100+10")
    assert [s.in_vain for s in whole if isinstance(s, st.Hold)] == [False]
    for step in whole:
        world = apply(step, world, goal("100+10"))
        if isinstance(step, st.Fence):
            break
    world = apply(st.Release("apphost/app"), world, goal("100+10"))
    again = steps_to(world, "100+10")
    assert [s.in_vain for s in again if isinstance(s, st.Hold)] == [True]


def test_a_fence_whose_server_is_to_run_yet_is_taken_away_and_made_anew() -> None:
    """A power failure between the fence and the stop: it came back read-only."""
    world = go(settled("10"), "10+100")
    whole = steps_to(world, "100+10")
    for step in whole:
        if isinstance(step, st.Fence):
            break
        world = apply(step, world, goal("100+10"))
    world = database(world, PATHS[0], role="fenced")
    world = apply(st.Release("apphost/app"), world, goal("100+10"))
    steps = kinds(steps_to(world, "100+10"))
    assert steps[:2] == ["Unfence", "StartUnit"]
    assert steps.index("StartUnit") < steps.index("Hold") < steps.index("Fence")
    assert kinds(steps_to(world, "10+100"))[:2] == ["Unfence", "StartUnit"]
    assert writable(go(world, "100+10")) == [PATHS[1]]
    assert writable(go(world, "10")) == [PATHS[0]]


def test_workers_that_rest_for_a_switch_that_was_not_made_are_woken() -> None:
    world = go(settled("10"), "10+100")
    for step in steps_to(world, "100+10"):
        if isinstance(step, st.Hold):
            break
        world = apply(step, world, goal("100+10"))
    steps = steps_to(world, "10+100")
    assert [s for s in steps if "Workers" in type(s).__name__] == [
        st.WakeWorkers("apphost/mail", generation=1),
        st.WakeWorkers("apphost/beat", generation=1),
    ]


@pytest.mark.parametrize("cut", [st.StartUnit, st.CatchUp, st.TrialStart])
@pytest.mark.parametrize("end", ["10+100", "100+10"])
def test_a_copy_that_nobody_compared_is_compared_by_whoever_goes_on(
    cut: type[st.Step], end: str
) -> None:
    world = settled("10")
    for step in steps_to(world, "10+100"):
        world = apply(step, world, goal("10+100"))
        if isinstance(step, cut):
            break
    steps = kinds(steps_to(world, end))
    assert steps.index("CatchUp") < steps.index("Verify")
    assert "Fence" not in steps or steps.index("Verify") < steps.index("Fence")
    assert "Verify" not in kinds(steps_to(go(world, "10+100"), end))


def test_an_app_that_writes_when_it_starts_is_warmed_behind_the_promotion() -> None:
    steps = kinds(steps_to(go(settled("10"), "10+100"), "100+10", terms=Terms(warm_first=False)))
    assert steps.index("Promote") < steps.index("WarmPool") < steps.index("Handover")


def test_completing_stops_drops_and_deletes_the_old_side_and_nothing_else() -> None:
    world = go(go(settled("10"), "10+100"), "100+10")
    assert kinds(steps_to(world, "100"))[-3:] == ["StopUnit", "DropSlot", "RemoveData"]
    world = go(world, "100")
    assert world.role("apphost/postgres") == "absent"
    assert writable(world) == ["db1/postgres"]


def test_a_deletion_that_was_cut_off_is_finished_by_the_next_plan() -> None:
    world = go(go(go(settled("10"), "10+100"), "100+10"), "100")
    assert not steps_to(world, "100")
    world = database(world, "apphost/postgres", removed=True)
    assert kinds(steps_to(world, "100")) == ["RemoveData"]
    assert not steps_to(go(world, "100"), "100")
    # Where it is wanted again it is made anew, which takes what is left away.
    assert "RemoveData" not in kinds(steps_to(world, "100+10"))


def test_going_back_to_one_host_removes_the_other_one() -> None:
    world = go(go(settled("10"), "10+100"), "10")
    assert [h.name for h in world.seen.now.hosts] == ["apphost"]
    assert world.role("db1/postgres") == "absent"


@pytest.mark.parametrize("last", ["10", "100"])
def test_fresh_is_grown(last: str) -> None:
    way = ORDER if last == "100" else tuple(reversed(ORDER))
    grown = settled(way[0])
    for name in way[1:]:
        grown = go(grown, name)
    fresh = settled(last)
    assert facts(grown) == facts(fresh)


def facts(world: World) -> object:
    """What a user could see, less what only time tells."""
    return (
        sorted(
            (h.name, u.pool or u.name, u.state, u.fingerprint)
            for h in world.seen.now.hosts
            for u in h.units
        ),
        {p: (d.role, d.running, d.slots) for p, d in world.seen.databases.items()},
    )


neighbours = (
    [pair for pair in itertools.permutations(ORDER, 2) if abs(_at(pair[0]) - _at(pair[1])) == 1]
    if (_at := ORDER.index)
    else []
)


def reached(name: str) -> World:
    """A position as it is come to: from the nearer of the two ends."""
    way = ORDER if ORDER.index(name) < 2 else tuple(reversed(ORDER))
    world = settled(way[0])
    for step in way[1 : way.index(name) + 1]:
        world = go(world, step)
    return world


@pytest.mark.parametrize(("start", "end"), neighbours)
@pytest.mark.parametrize("warm_first", [True, False])
def test_planning_again_after_each_step_gives_the_remainder(
    start: str, end: str, warm_first: bool
) -> None:
    terms = Terms(warm_first=warm_first)
    world = reached(start)
    whole = steps_to(world, end, terms=terms)
    for done, step in enumerate(whole):
        world = apply(step, world, goal(end))
        again = [s for s in steps_to(world, end, terms=terms) if not isinstance(s, OPTIONAL)]
        rest = [s for s in whole[done + 1 :] if not isinstance(s, OPTIONAL)]
        if any(isinstance(s, st.Promote) for s in rest) and not isinstance(rest[0], st.Hold):
            # Holding again is the same as holding still.
            again = [s for s in again if not isinstance(s, st.Hold)]
            rest = [s for s in rest if not isinstance(s, st.Hold)]
        assert again == rest, (done, step)
    assert plan("grow", world.seen, goal(end), terms).empty


@given(some.data())
def test_whoever_is_interrupted_anywhere_may_go_either_way(data: some.DataObject) -> None:
    """Any walk over positions, cut off anywhere: never two leaders, never none for ever."""
    at = data.draw(some.sampled_from(["10", "100"]))
    world = settled(at)
    for _ in range(data.draw(some.integers(1, 5))):
        place = ORDER.index(at)
        near = [ORDER[i] for i in (place - 1, place, place + 1) if 0 <= i < len(ORDER)]
        end = data.draw(some.sampled_from(near))
        terms = Terms(warm_first=data.draw(some.booleans()))
        steps = steps_to(world, end, terms=terms)
        cut = data.draw(some.integers(0, len(steps)))
        for step in steps[:cut]:
            world = apply(step, world, goal(end))
            assert len(writable(world)) <= 1
        promoted = any(isinstance(s, st.Promote) for s in steps[:cut])
        if cut < len(steps):
            finish = end if promoted else data.draw(some.sampled_from([at, end]))
            world = go(world, finish)
            at = finish
        else:
            at = end
        assert plan("grow", world.seen, goal(at), Terms()).empty
        assert len(writable(world)) == 1


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (("follower", "absent"), "apphost/postgres follows, db1/postgres has no data"),
        (("follower", "follower"), "apphost/postgres follows, db1/postgres follows"),
        (("leader", "leader"), "apphost/postgres and db1/postgres both accept writes"),
    ],
)
def test_where_nobody_leads_or_two_do_it_is_said_and_nothing_planned(
    roles: tuple[Role, Role], told: str
) -> None:
    seen = reached("10+100").seen
    databases = {
        path: replace(seen.databases[path], role=role)
        for path, role in zip(PATHS, roles, strict=True)
    }
    for end in ("10", "10+100", "100+10"):
        with pytest.raises(Refused) as refused:
            plan("resume", replace(seen, databases=databases), goal(end), Terms())
        assert told in refused.value.what
        assert "writes" in str(refused.value.changed)
        assert "tenfold resume" in str(refused.value.next)


def test_a_plan_is_the_same_whoever_asks() -> None:
    world = reached("10+100")
    first = plan("grow", world.seen, goal("100+10"), Terms())
    assert isinstance(first, Plan)
    assert first == plan("grow", world.seen, goal("100+10"), Terms())


@pytest.mark.parametrize("moved_before", [False, True])
def test_a_move_is_foretold_as_it_will_be_planned_also_the_second_time(moved_before: bool) -> None:
    world = settled("10")
    for name in ("10+100", "100+10", "10+100", "10") if moved_before else ():
        world = go(world, name)
    remembered = world.seen.now.prepared
    assert ("db1/postgres" in remembered) is moved_before
    foretold = plan("grow", expected(goal("10+100"), remembered), goal("100+10"), Terms())
    assert kinds(st.flatten(foretold.steps)) == kinds(steps_to(go(world, "10+100"), "100+10"))
