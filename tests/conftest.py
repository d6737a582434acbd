from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crash-rounds", default="3", help="Repetitions of every random crash.")
    parser.addoption("--crash-seed", default="1", help="Chooses who is killed at which point.")
