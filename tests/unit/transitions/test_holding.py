from __future__ import annotations

from tenfold.engines.postgresql.facts import Transaction
from tenfold.transitions.perform.holding import FEW, in_the_way


def test_whoever_makes_others_wait_comes_first_and_the_young_are_left_out() -> None:
    old, older = Transaction("old", 20.0), Transaction("older", 30.0)
    young, blocks = Transaction("young", 0.1), Transaction("blocks", 0.2, "lock table t", 2)
    assert in_the_way([old, young, older, blocks], 0.5) == [blocks, older, old]


def test_only_a_few_are_told() -> None:
    many = [Transaction(f"number {n}", 10.0 + n) for n in range(20)]
    assert len(in_the_way(many, 0.5)) == FEW
