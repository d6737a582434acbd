"""What becomes of the app when its database's leader changes, falls silent or dies; on paper."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tenfold.failover.deciding import (
    GONE,
    UNNOTED,
    Cut,
    GiveUp,
    Limits,
    Serve,
    State,
    Stay,
    Step,
    Wait,
    Wanted,
    after,
    learnt,
    refuted,
    steps,
    unreached,
    wanted,
)
from tenfold.failover.sightings import Kind, Sighting
from tenfold.topology.databases import NOBODY

LIMITS = Limits(silence_seconds=2.0, hold_seconds=40.0)
NOW = 1000.0
ONE, TWO = "db1/postgres", "db2/postgres"
SERVED = State(timeline=3, path=ONE, life="a", verified=True)


def sight(kind: Kind, timeline: int = 0, life: str = "a", ago: float = 0.0) -> Sighting:
    return Sighting(kind, timeline, life if kind == "leads" else "", NOW - ago)


def todo(state: State, goal: Wanted) -> list[str]:
    """All steps, as they come one by one."""
    done = []
    while found := steps(state, goal):
        done.append(found[0].does)
        assert len(done) < 20
        state = after(state, found[0], NOW)
    return done


def test_a_leader_that_leads_on_changes_nothing() -> None:
    goal = wanted({ONE: sight("leads", 3), TWO: sight("follows")}, SERVED, NOW, LIMITS)
    assert goal == Serve(ONE, 3, "a")
    assert steps(SERVED, goal) == ()


def test_a_leader_that_is_down_holds_requests_and_ends_sessions() -> None:
    goal = wanted({ONE: sight("down"), TWO: sight("follows")}, SERVED, NOW, LIMITS)
    assert isinstance(goal, Cut)
    assert todo(SERVED, goal) == ["hold", "cut"]


def test_a_leader_that_follows_now_is_cut_off_like_a_dead_one() -> None:
    """Demoted or fenced: its sessions would be refused every write."""
    goal = wanted({ONE: sight("follows"), TWO: sight("follows")}, SERVED, NOW, LIMITS)
    assert isinstance(goal, Cut)


def test_the_next_leader_is_served_after_pools_were_refreshed() -> None:
    state = replace(SERVED, held=True, held_since=NOW, open=False, stale=True, verified=False)
    goal = wanted({ONE: sight("down"), TWO: sight("leads", 4, "b")}, state, NOW, LIMITS)
    assert goal == Serve(TWO, 4, "b")
    assert todo(state, goal) == ["point", "verify", "drain", "refresh", "release"]


def test_a_change_that_came_between_two_looks_is_made_good() -> None:
    goal = wanted({ONE: sight("follows"), TWO: sight("leads", 4, "b")}, SERVED, NOW, LIMITS)
    assert todo(SERVED, goal) == ["hold", "cut", "point", "verify", "drain", "refresh", "release"]


def test_a_leader_that_was_started_again_has_new_sessions_made() -> None:
    goal = wanted({ONE: sight("leads", 3, "later")}, SERVED, NOW, LIMITS)
    assert todo(SERVED, goal)[:3] == ["hold", "cut", "point"]


@pytest.mark.parametrize(("ago", "goal"), [(1.9, Stay), (2.1, Wait)])
def test_a_silent_leader_is_waited_for_and_not_left(ago: float, goal: type[Wanted]) -> None:
    found = wanted({ONE: sight("silent", ago=ago), TWO: sight("follows")}, SERVED, NOW, LIMITS)
    assert isinstance(found, goal)
    assert "cut" not in todo(SERVED, found)


def test_a_leader_that_answers_again_has_requests_go_on_with_the_sessions_that_they_have() -> None:
    held = replace(SERVED, held=True, held_since=NOW)
    assert todo(held, wanted({ONE: sight("leads", 3)}, held, NOW, LIMITS)) == ["release"]


def test_a_silent_leader_is_left_when_another_one_leads_on_a_later_timeline() -> None:
    held = replace(SERVED, held=True, held_since=NOW)
    seen = {ONE: sight("silent", ago=20), TWO: sight("leads", 4, "b")}
    assert wanted(seen, held, NOW, LIMITS) == Serve(TWO, 4, "b")


def test_nobody_goes_back_to_a_timeline_of_the_past() -> None:
    """The old leader is there again and takes writes, and the new one cannot be seen."""
    served = State(timeline=4, path=TWO, life="b", verified=True)
    seen = {ONE: sight("leads", 3, "later"), TWO: sight("silent", ago=9)}
    assert isinstance(wanted(seen, served, NOW, LIMITS), Wait)
    seen = {ONE: sight("leads", 3, "later"), TWO: sight("down")}
    assert isinstance(wanted(seen, served, NOW, LIMITS), Cut)


def test_of_two_leaders_the_one_of_the_later_timeline_counts() -> None:
    seen = {ONE: sight("leads", 3), TWO: sight("leads", 4, "b")}
    assert wanted(seen, SERVED, NOW, LIMITS) == Serve(TWO, 4, "b")


def test_two_leaders_of_one_timeline_get_nobody() -> None:
    seen = {ONE: sight("leads", 3), TWO: sight("leads", 3, "b")}
    goal = wanted(seen, SERVED, NOW, LIMITS)
    assert isinstance(goal, Wait)
    assert ONE in goal.why
    assert TWO in goal.why


def test_requests_do_not_wait_for_ever() -> None:
    held = replace(SERVED, held=True, held_since=NOW - 41, open=False, stale=True)
    goal = wanted({ONE: sight("down"), TWO: sight("follows")}, held, NOW, LIMITS)
    assert isinstance(goal, GiveUp)
    assert todo(held, goal) == ["give up"]
    spent = after(held, Step("give up"), NOW)
    again = wanted({ONE: sight("down"), TWO: sight("follows")}, spent, NOW, LIMITS)
    assert steps(spent, again) == (), "not a second time for the same leader"


def test_giving_up_leads_nobody_to_a_leader_of_the_past() -> None:
    """It takes writes, and the one of the later timeline was seen only once."""
    held = replace(SERVED, timeline=4, held=True, held_since=NOW - 41, open=False, stale=True)
    seen = {ONE: sight("leads", 3), TWO: sight("silent", ago=41)}
    spent = after(held, steps(held, wanted(seen, held, NOW, LIMITS))[0], NOW)
    assert spent.path == NOBODY
    for later in (NOW + 1, NOW + 1000):
        assert steps(spent, wanted(seen, spent, later, LIMITS)) == ()


def test_after_giving_up_the_next_leader_is_served_all_the_same() -> None:
    held = replace(SERVED, held=True, held_since=NOW - 41, open=False, stale=True)
    spent = after(held, Step("give up"), NOW)
    for seen in ({TWO: sight("leads", 4, "b")}, {ONE: sight("leads", 3)}):
        goal = wanted(seen, spent, NOW, LIMITS)
        assert todo(spent, goal)[-2:] == ["refresh", "release"]
        assert todo(spent, goal)[0] == "hold"


def test_a_keeper_that_begins_believes_the_endpoint_when_it_reaches_the_leader() -> None:
    """Sessions that there are must not be cut off because the keeper was started."""
    goal = wanted({ONE: sight("leads", 3)}, State(path=ONE), NOW, LIMITS)
    assert todo(State(path=ONE), goal) == ["verify"]
    assert todo(refuted(State(path=ONE)), goal)[:3] == ["hold", "cut", "point"]


def test_as_long_as_nobody_was_heard_nothing_is_done() -> None:
    seen = {ONE: sight("unknown"), TWO: sight("unknown")}
    assert wanted(seen, State(path=ONE), NOW, LIMITS) == Stay()


def test_the_highest_timeline_is_remembered() -> None:
    assert learnt(SERVED, {TWO: sight("leads", 7)}).timeline == 7
    assert learnt(SERVED, {TWO: sight("down")}).timeline == 3
    assert learnt(SERVED, {}).timeline == 3


def test_a_timeline_does_not_outlive_its_cluster() -> None:
    """The database was restored: another cluster, which counts from 1."""
    served = replace(SERVED, cluster="old")
    before = {ONE: replace(sight("leads", 3), cluster="old"), TWO: sight("silent")}
    after_it = {ONE: replace(sight("leads", 1, "b"), cluster="new"), TWO: sight("down")}
    assert learnt(served, before).timeline == 3
    assert wanted(after_it, served, NOW, LIMITS) == Serve(ONE, 1, "b")
    told = learnt(served, after_it)
    assert (told.cluster, told.timeline) == ("new", 1)


def test_a_stranger_is_not_served_while_the_cluster_answers() -> None:
    served = replace(SERVED, cluster="old")
    seen = {
        ONE: replace(sight("follows"), cluster="old"),
        TWO: replace(sight("leads", 9, "b"), cluster="new"),
    }
    assert learnt(served, seen) == served
    assert isinstance(wanted(seen, served, NOW, LIMITS), Cut)


states = some.builds(
    State,
    timeline=some.integers(1, 3),
    path=some.sampled_from([ONE, TWO, ""]),
    life=some.sampled_from(["a", "b", "", GONE]),
    open=some.booleans(),
    verified=some.booleans(),
    held=some.booleans(),
    held_since=some.just(NOW),
    spent=some.booleans(),
    stale=some.booleans(),
    drained=some.booleans(),
)
goals = some.one_of(
    some.builds(Serve, some.sampled_from([ONE, TWO]), some.integers(1, 3), some.sampled_from("ab")),
    some.just(Wait("")),
    some.just(Cut("")),
    some.just(GiveUp("")),
    some.just(Stay()),
)


@given(states, goals)
def test_whoever_is_killed_after_any_step_finds_the_others(state: State, goal: Wanted) -> None:
    for step in (todo := steps(state, goal)):
        state = after(state, step, NOW)
        todo = todo[1:]
        assert steps(state, goal) == todo


@given(states, goals)
def test_nobody_is_let_go_to_where_no_leader_was_seen(state: State, goal: Wanted) -> None:
    for step in steps(state, goal):
        if step.does == "release":
            assert isinstance(goal, Serve)
            assert state.open
            assert state.verified
            assert not state.stale
            assert (state.path, state.life) == (goal.path, goal.life)
        state = after(state, step, NOW)


@given(states, goals)
def test_sessions_are_only_ended_and_pools_refreshed_while_requests_wait(
    state: State, goal: Wanted
) -> None:
    for step in steps(state, goal):
        if step.does in ("cut", "point", "refresh"):
            assert state.held
        state = after(state, step, NOW)


LEADS = {ONE: sight("leads", 3), TWO: sight("follows")}
FAILOVER = ["hold", "cut", "point", "verify", "drain", "refresh", "release"]


def looked_in_vain(state: State, seen: dict[str, Sighting], *seconds: float) -> State:
    """What becomes of it when looks through the endpoint reach nobody, so long after the first."""
    for later in seconds:
        goal = wanted(seen, state, NOW + later, LIMITS)
        state = unreached(state, goal, NOW + later, LIMITS)
    return state


@pytest.mark.parametrize("state", [SERVED, replace(SERVED, verified=False, life=UNNOTED)])
def test_an_endpoint_that_reaches_nobody_while_somebody_leads_is_pointed_anew(state: State) -> None:
    """It leads to a server that is gone: an address that refuses is not another server."""
    goal = wanted(LEADS, state, NOW, LIMITS)
    doubted = looked_in_vain(state, LEADS, 0.0, 2.0, 4.0)
    assert "point" not in todo(doubted, goal), "it may be in the midst of an upgrade"
    assert todo(looked_in_vain(doubted, LEADS, 6.0), goal) == FAILOVER


def test_once_in_vain_is_no_reason() -> None:
    assert looked_in_vain(SERVED, LEADS, 100.0).life == "a"
    seen_again = after(looked_in_vain(SERVED, LEADS, 0.0), Step("verify", ONE, "a"), NOW + 1)
    assert seen_again == SERVED
    assert looked_in_vain(seen_again, LEADS, 6.0, 8.0).life == "a"


@pytest.mark.parametrize("kind", ["down", "silent", "follows", "unknown"])
def test_one_that_does_not_lead_need_not_be_reached(kind: Kind) -> None:
    seen = {ONE: sight(kind), TWO: sight("follows")}
    assert looked_in_vain(SERVED, seen, 0.0, 6.0, 12.0) == SERVED
    assert looked_in_vain(looked_in_vain(SERVED, LEADS, 0.0), seen, 6.0) == SERVED


def test_one_that_was_pointed_anew_has_as_long_again() -> None:
    state = looked_in_vain(SERVED, LEADS, 0.0, 6.0)
    state = after(state, Step("point", ONE, "a"), NOW + 7)
    assert looked_in_vain(state, LEADS, 8.0, 10.0).life == "a"
    assert looked_in_vain(state, LEADS, 8.0, 14.0).life == GONE
