"""Who is woken when nobody renews a rest: never two, and nobody beside what has replaced it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tenfold.agent.bound import Bound
from tenfold.agent.rests import Member, verdict

RESTS = Member(1, rests=True, bounded=True)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ((), "wake"),
        ((Member(1, rests=True, bounded=True),), "wake"),
        ((Member(2, rests=False),), "stay"),
        ((Member(2, rests=False, proven=False),), "replace"),
        ((Member(2, rests=True, bounded=True),), "stay"),
        ((Member(2, rests=True, bounded=False),), "wake"),
        ((Member(0, rests=True, bounded=True),), "wake"),
        ((Member(2, rests=False, proven=False), Member(3, rests=False)), "stay"),
    ],
)
def test_what_becomes_of_one_that_rests(others: tuple[Member, ...], found: str) -> None:
    assert verdict(RESTS, (RESTS, *others)) == found


members = some.builds(
    Member,
    some.integers(1, 3),
    rests=some.booleans(),
    bounded=some.booleans(),
    proven=some.booleans(),
)


@given(some.lists(members, max_size=5))
def test_of_several_generations_that_rest_one_is_woken(others: list[Member]) -> None:
    everybody = [RESTS, *others]
    resting = [m for m in everybody if m.rests and m.bounded]
    woken = {m.generation for m in resting if verdict(m, everybody) != "stay"}
    at_work = {m.generation for m in everybody if not m.rests and m.proven}
    assert len(woken | at_work) >= 1, "somebody works"
    if not at_work:
        assert woken == {max(m.generation for m in resting)}
    for member in resting:
        if at_work - {member.generation}:
            assert verdict(member, everybody) == "stay"


def test_a_bound_outlives_a_restart_of_the_machine_and_is_never_lengthened() -> None:
    now, steady = time.time(), time.monotonic()
    same = Bound.of(30.0)
    assert 29.0 < same.left_seconds() <= 30.0
    assert Bound(30.0, now + 10.0, steady + 9e9, "another boot").left_seconds() <= 10.0
    assert Bound(30.0, now + 9e9, steady + 9e9, "another boot").left_seconds() == 30.0
    assert Bound(30.0, now + 9e9, steady - 5.0, same.boot).left_seconds() <= -5.0
