"""``grow FILE`` and ``shrink FILE``: the plan that was kept says what is to be typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.cli.moving import promised_by
from tenfold.deployment.forecast import FORMAT, keep
from tenfold.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "move.json"
    keep(path, {"format": FORMAT, "command": "shrink", "from": "100", "to": "10", "stretches": []})
    return path


def test_it_leads_where_the_plan_leads(file: Path) -> None:
    assert promised_by(None, "10", "shrink") == (None, "10")
    for typed in (None, "10"):
        promised, stage = promised_by(file, typed, "shrink")
        assert (promised is not None, stage) == (True, "10")


def test_another_stage_or_another_command_is_refused(file: Path) -> None:
    with pytest.raises(UsageError, match="is a plan to stage 10, not 100"):
        promised_by(file, "100", "shrink")
    with pytest.raises(UsageError, match="is a plan to shrink, not to grow") as caught:
        promised_by(file, None, "grow")
    assert caught.value.next == f"tenfold shrink {file}"
