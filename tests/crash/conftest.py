from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.live.conftest import bring, workplace  # noqa: F401 - fixtures
from tests.support.matrix import Cell, every_cell, sample, tally


@pytest.fixture(scope="session")
def crash_rounds(request: pytest.FixtureRequest) -> int:
    """How often each crash is repeated: a sample by default, many with ``make crash``."""
    return int(request.config.getoption("--crash-rounds"))


@pytest.fixture(scope="session")
def cells(request: pytest.FixtureRequest) -> Sequence[Cell]:
    """Of the matrix: every point once by default, everything with ``make crash``."""
    if request.config.getoption("--whole"):
        return every_cell()
    return sample(int(request.config.getoption("--seed")))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How much of the matrix was covered, by tests that failed, too."""
    told = [
        str(value).split("/")
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        for name, value in report.user_properties
        if name == "matrix" and report.when == "call"
    ]
    struck = [Cell(*words[:3]) for words in told if words[3] == "struck"]
    missed = [Cell(*words[:3]) for words in told if words[3] == "missed"]
    if told:
        terminalreporter.write_line("")
        for line in tally(struck, missed):
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"  seed     {config.getoption('--seed')}")
