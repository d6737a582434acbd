from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import groupby

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="Every case of what is sampled else.")
    parser.addoption("--crash-rounds", default="3", help="Repetitions of every random crash.")
    parser.addoption("--seed", default="1", help="Chooses samples: cases, and who is killed.")


def _left_out(name: str, ends: str, items: list[pytest.Item], seed: str) -> Iterator[pytest.Item]:
    for group, members in groupby(items, key=lambda item: item.nodeid.partition(ends)[0]):
        cases = list(members)
        if mark := cases[0].get_closest_marker(name):
            chance = random.Random(f"{seed} {group}")
            kept = chance.sample(cases, min(mark.args[0], len(cases)))
            yield from (case for case in cases if case not in kept)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the cases of a test that is marked ``sampled(n)``, leave n that the seed chooses; of the
    tests of a file that is marked ``few(n)`` likewise."""
    if config.getoption("--whole"):
        return
    seed = str(config.getoption("--seed"))
    left_out = set(_left_out("few", "::", items, seed))
    rest = [item for item in items if item not in left_out]
    left_out |= set(_left_out("sampled", "[", rest, seed))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
