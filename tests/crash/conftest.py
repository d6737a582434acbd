from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.live.conftest import bring, workplace  # noqa: F401 - fixtures
from tests.support.matrix import TO_1K, TO_100, Cell


@pytest.fixture(scope="session")
def crash_rounds(request: pytest.FixtureRequest) -> int:
    """How often each crash is repeated: a sample by default, many with ``make crash``."""
    return int(request.config.getoption("--crash-rounds"))


@pytest.fixture(scope="session")
def cells(request: pytest.FixtureRequest) -> Sequence[Cell]:
    """Of the move to 100: every point once by default, everything with ``make crash``."""
    if request.config.getoption("--whole"):
        return TO_100.every_cell()
    return TO_100.sample(int(request.config.getoption("--seed")))


@pytest.fixture(scope="session")
def cells_to_1k(request: pytest.FixtureRequest) -> Sequence[Cell]:
    """Of the move to 1k: every point once by default, everything with ``make crash``."""
    if request.config.getoption("--whole"):
        return TO_1K.every_cell()
    return TO_1K.sample(int(request.config.getoption("--seed")))
