from __future__ import annotations

import random
from itertools import groupby

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="Every case of what is sampled else.")
    parser.addoption("--crash-rounds", default="3", help="Repetitions of every random crash.")
    parser.addoption("--seed", default="1", help="Chooses samples: cases, and who is killed.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the cases of a test that is marked ``sampled(n)``, leave n that the seed chooses."""
    if config.getoption("--whole"):
        return
    left_out: set[pytest.Item] = set()
    for name, group in groupby(items, key=lambda item: item.nodeid.partition("[")[0]):
        cases = list(group)
        if mark := cases[0].get_closest_marker("sampled"):
            chance = random.Random(f"{config.getoption('--seed')} {name}")
            left_out |= set(cases) - set(chance.sample(cases, min(mark.args[0], len(cases))))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
