from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import groupby

import hypothesis
import pytest
from tests.support.matrix import MATRICES, Cell

# A busy machine is no fault of what is tested.
hypothesis.settings.register_profile(
    "tenfold", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("tenfold")

MOST_SHOWN = 6000
FEW_OF_LIVE = 1
"""Of a file of tests that run whole deployments, so many, where the file does not say."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="Every case of what is sampled else.")
    parser.addoption("--crash-rounds", default="3", help="Repetitions of every random crash.")
    parser.addoption("--seed", default="1", help="Chooses samples: cases, and who is killed.")


def pytest_report_header(config: pytest.Config) -> str | None:
    if config.getoption("--whole"):
        return None
    seed = config.getoption("--seed")
    return f"of the long tests a sample, with seed {seed}: make test SEED=... takes another one"


class AtOnce:
    """Tells a failure when it happens: whoever ends the run early has seen it."""

    def __init__(self, config: pytest.Config) -> None:
        self._plugins = config.pluginmanager

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        reporter = self._plugins.get_plugin("terminalreporter")
        if report.failed and reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"{report.outcome} {report.when} {report.nodeid}")
            reporter.write_line(report.longreprtext[-MOST_SHOWN:])


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and config.getoption("numprocesses", None):
        config.pluginmanager.register(AtOnce(config))


def _left_out(name: str, ends: str, items: list[pytest.Item], seed: str) -> Iterator[pytest.Item]:
    for group, members in groupby(items, key=lambda item: item.nodeid.partition(ends)[0]):
        cases = list(members)
        count = _count(name, cases[0])
        if count is not None:
            chance = random.Random(f"{seed} {group}")
            chance.shuffle(cases)
            cases.sort(key=lambda case: case.get_closest_marker("always") is None)
            yield from cases[count:]


def _count(name: str, item: pytest.Item) -> int | None:
    if mark := item.get_closest_marker(name):
        return int(mark.args[0])
    live = name == "few" and item.get_closest_marker("live") is not None
    return FEW_OF_LIVE if live else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the cases of a test that is marked ``sampled(n)``, leave n that the seed chooses; of the
    tests of a file that is marked ``few(n)`` or ``live`` likewise, those first that are marked
    ``always``."""
    if config.getoption("--whole"):
        return
    seed = str(config.getoption("--seed"))
    left_out = set(_left_out("few", "::", items, seed))
    rest = [item for item in items if item not in left_out]
    left_out |= set(_left_out("sampled", "[", rest, seed))
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    # The long ones first, so that no worker is left alone with one at the end.
    items.sort(key=lambda item: item.get_closest_marker("live") is None)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """How it ended, for ``.ci/run``: make tells nothing but that it failed."""
    if not hasattr(session.config, "workerinput"):
        folder = session.config.rootpath / ".cache"
        folder.mkdir(exist_ok=True)
        (folder / "pytest.ended").write_text(str(int(exitstatus)))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How much of each matrix was covered, by tests that failed, too."""
    told = [
        str(value).split("/")
        for kind in ("passed", "failed")
        for report in terminalreporter.stats.get(kind, [])
        for name, value in report.user_properties
        if name == "matrix" and report.when == "call"
    ]
    for matrix in MATRICES:
        own = [words for words in told if words[0] == matrix.name]
        struck = [Cell(*words[1:4]) for words in own if words[4] == "struck"]
        missed = [Cell(*words[1:4]) for words in own if words[4] == "missed"]
        if own:
            terminalreporter.write_line("")
            for line in matrix.tally(struck, missed):
                terminalreporter.write_line(line)
            terminalreporter.write_line(f"  seed     {config.getoption('--seed')}")
