"""From ``init`` to stage 100 without an edit: every project below ``tests/apps``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.brought import APP, from_init_to_down, packages
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("name", list(APP))
def test_nobody_notices(bring: Bring, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in packages().items():
        monkeypatch.setenv(variable, value)
    from_init_to_down(bring, APP[name])
