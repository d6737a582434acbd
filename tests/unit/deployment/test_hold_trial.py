"""When a plan tries how long requests will wait, and what it says where that was not possible."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from tenfold.deployment.forecast import Forecast, Stretch
from tenfold.deployment.hold_trial import with_hold
from tenfold.errors import TargetError
from tenfold.transitions import steps as st

SWITCH = Stretch(
    "100+10", (st.Hold(("vm1/app",), 5.0, 600.0), st.Promote("db1/postgres", "vm1/postgres"))
)
QUIET = Stretch("100+1k", (st.EnsureHost("b"),))


def told(stretch: Stretch, hold: Mapping[str, Any] | None = None) -> Forecast:
    nobody: Any = None
    return Forecast(nobody, nobody, nobody, nobody, (stretch,), (), None, hold)


class Silent(SimpleNamespace):
    """A deployment whose host does not answer."""

    def observe(self) -> None:
        raise TargetError("vm1 does not answer")


def looked_at(forecast: Forecast) -> Forecast:
    deployment: Any = Silent()
    return with_hold(deployment, forecast, lambda text: None)


def test_a_trial_that_cannot_be_made_stops_no_plan_and_says_why() -> None:
    found = looked_at(told(SWITCH))
    assert found.hold is None
    assert found.untried == "vm1 does not answer"


def test_what_a_move_or_a_rehearsal_has_shown_is_not_tried() -> None:
    known = told(SWITCH, {"seconds": 0.124, "basis": "the last switch"})
    assert looked_at(known) is known


def test_where_no_database_comes_to_lead_nothing_is_tried() -> None:
    quiet = told(QUIET)
    assert looked_at(quiet) is quiet
