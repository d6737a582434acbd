"""Each of those who hold a pool lets go of its own hold alone."""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tenfold.agent.held import COMMAND, FAILOVER, Hold, joined, lasting, without
from tenfold.agent.wire import from_wire, to_wire

MEMBERS = ("app.1.0", "app.1.1")


def hold(by: str, within_seconds: float = 60.0) -> Hold:
    return Hold.of("app", MEMBERS, within_seconds, by)


def both(command: float = 60.0, keeper: float = 60.0) -> Hold:
    """A command holds, and who follows the leader wants it held meanwhile."""
    return joined(hold(COMMAND, command), hold(FAILOVER, keeper))


def test_a_commands_hold_comes_first_whoever_was_there_before() -> None:
    for held in (both(), joined(hold(FAILOVER), hold(COMMAND))):
        assert held.by == COMMAND
        assert held.behind is not None
        assert held.behind.by == FAILOVER
        assert held.is_wanted_by(FAILOVER)


def test_a_command_that_lets_go_leaves_the_keepers() -> None:
    left = without(both(), COMMAND)
    assert left is not None
    assert (left.by, left.behind, left.members) == (FAILOVER, None, MEMBERS)
    assert without(left, COMMAND) == left, "nothing of it is a command's"
    assert without(left, FAILOVER) is None


def test_who_goes_on_holds_with_whoever_holds_by_then() -> None:
    """A handover has taken some of them out meanwhile."""
    left = without(replace(both(), members=MEMBERS[:1]), COMMAND)
    assert left is not None
    assert left.members == MEMBERS[:1]


def test_a_keeper_that_lets_go_leaves_the_commands() -> None:
    left = without(both(), FAILOVER)
    assert left is not None
    assert (left.by, left.behind) == (COMMAND, None)
    assert without(left, FAILOVER) == left


def test_each_has_a_bound_of_its_own() -> None:
    over = lasting(both(command=-1.0))
    assert over is not None
    assert (over.by, over.behind) == (FAILOVER, None)
    over = lasting(both(keeper=-1.0))
    assert over is not None
    assert (over.by, over.behind) == (COMMAND, None)
    assert lasting(both(-1.0, -1.0)) is None
    assert both(5.0, 30.0).changes_in_seconds() <= 5.0
    assert both(30.0, 5.0).changes_in_seconds() <= 5.0
    assert both(5.0, 30.0).ends_until() > time.time() + 20.0


def test_what_an_older_agent_kept_is_a_commands() -> None:
    kept = {"pool": "app", "members": ["app.1.0"], "until": time.time() + 9, "within_seconds": 10.0}
    read = from_wire(Hold, kept)
    assert (read.by, read.behind, read.deadline) == (COMMAND, None, None)
    assert 8.0 < read.dated().left_seconds() <= 9.0


def test_a_successor_reads_what_was_kept() -> None:
    held = both()
    assert from_wire(Hold, to_wire(held)) == held
    dated = held.dated()
    assert dated.behind is not None
    assert dated.until == held.until
    assert dated.behind.until == held.behind.until if held.behind else False


def test_what_was_kept_before_the_machine_was_started_lasts_no_longer_than_ordered() -> None:
    """The clock that nobody sets has begun anew since."""
    later = time.monotonic() + 1e6
    held = both(5.0, 7.0)
    assert held.behind is not None
    misdated = replace(held, deadline=later, behind=replace(held.behind, deadline=later)).dated()
    assert misdated.behind is not None
    assert misdated.deadline is not None
    assert misdated.behind.deadline is not None
    assert misdated.deadline <= time.monotonic() + 5.0
    assert misdated.behind.deadline <= time.monotonic() + 7.0


DOES, WHO = st.sampled_from(["hold", "over", "release"]), st.sampled_from([COMMAND, FAILOVER])


@given(st.lists(st.tuples(DOES, WHO), max_size=12))
def test_it_is_held_while_one_of_them_wants_it(orders: list[tuple[str, str]]) -> None:
    held: Hold | None = None
    wants = {COMMAND: False, FAILOVER: False}
    for does, by in orders:
        if does == "release":
            held = None if held is None else without(held, by)
        else:
            held = joined(held, hold(by, 60.0 if does == "hold" else -1.0))
            held = lasting(held)
        wants[by] = does == "hold"
        assert {w: held is not None and held.is_wanted_by(w) for w in wants} == wants
        assert held is None or (held.by == COMMAND) == wants[COMMAND]
