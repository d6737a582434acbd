from __future__ import annotations

import pytest
from tests.live.conftest import bring, workplace  # noqa: F401 - fixtures


@pytest.fixture(scope="session")
def crash_rounds(request: pytest.FixtureRequest) -> int:
    """How often each crash is repeated: a sample by default, many with ``make crash``."""
    return int(request.config.getoption("--crash-rounds"))
