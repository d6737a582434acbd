from __future__ import annotations

from tenfold.engines.postgresql.facts import Transaction
from tenfold.transitions.perform.holding import BRIEF_TRIES, FEW, drain_seconds, in_the_way


def test_whoever_makes_others_wait_comes_first_and_the_young_are_left_out() -> None:
    old, older = Transaction("old", 20.0), Transaction("older", 30.0)
    young, blocks = Transaction("young", 0.1), Transaction("blocks", 0.2, "lock table t", 2)
    assert in_the_way([old, young, older, blocks], 0.5) == [blocks, older, old]


def test_only_a_few_are_told() -> None:
    many = [Transaction(f"number {n}", 10.0 + n) for n in range(20)]
    assert len(in_the_way(many, 0.5)) == FEW


def test_only_after_some_tries_others_wait_for_one_that_takes_long() -> None:
    assert [drain_seconds(n, 5.0) for n in range(BRIEF_TRIES + 2)] == [0.06] * 3 + [2.0] * 2
    assert drain_seconds(0, 0.125) == 0.05
