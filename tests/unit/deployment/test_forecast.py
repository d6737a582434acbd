"""A plan that was kept is carried out as far as it is asked for, or refused with what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tenfold.deployment.carrying import require_promised
from tenfold.deployment.forecast import require_same
from tenfold.errors import Refused
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Plan

FILE = Path("move.json")
COPY = st.Follow("db1/postgres", "vm1/postgres")
HOLD = st.Hold("app1/app", 5.0, 600.0)
PROMOTE = st.Promote("db1/postgres", "vm1/postgres")
WARM = st.WarmPool("app1/app", 2, "r1", 2)


def plan(**stretches: tuple[st.Step, ...]) -> dict[str, Any]:
    """As a file has it; by position, whose ``+`` is written ``_``."""
    found = {
        "app": "bakery",
        "command": "grow",
        "from": "10",
        "to": "100",
        "stretches": [
            {"position": name[1:].replace("_", "+"), "steps": [st.to_json(s) for s in steps]}
            for name, steps in stretches.items()
        ],
    }
    read = json.loads(json.dumps(found))
    assert isinstance(read, dict)
    return read


PROMISED = plan(p10_100=(COPY,), p100_10=(WARM, HOLD, PROMOTE))


def test_whoever_only_prepares_asks_for_the_first_stretch_alone() -> None:
    require_same(PROMISED, PROMISED, FILE)
    require_same(PROMISED, plan(p10_100=(COPY,)), FILE)


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (plan(p10_100=(COPY, WARM)), f"+ {WARM.sentence()}"),  # another first stretch
        (plan(p10_100=()), f"- {COPY.sentence()}"),
        (plan(p100_10=(WARM, HOLD, PROMOTE)), f"- {COPY.sentence()}"),  # that was made already
    ],
)
def test_a_part_that_differs_is_refused(now: dict[str, Any], told: str) -> None:
    with pytest.raises(Refused, match="the world has changed since move") as caught:
        require_same(PROMISED, now, FILE)
    assert caught.value.detail == told


def test_an_app_that_writes_when_it_starts_is_named_as_the_reason() -> None:
    late = Plan("grow", (HOLD, PROMOTE, WARM))
    require_promised(PROMISED, "100+10", Plan("grow", (WARM, HOLD, PROMOTE)), starts_late=True)
    with pytest.raises(Refused, match="this app writes to its database when it starts") as caught:
        require_promised(PROMISED, "100+10", late, starts_late=True)
    assert "tenfold resume" in (caught.value.next or "")
    with pytest.raises(Refused, match="the world has changed"):
        require_promised(PROMISED, "100+10", late)
    with pytest.raises(Refused, match="the world has changed"):
        require_promised(PROMISED, "100+10", Plan("grow", (HOLD, PROMOTE)), starts_late=True)
