"""What an error that ended a move says of where writes go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tenfold.deployment.cross import Leg, where_writes_go
from tenfold.topology.databases import ObservedDatabase
from tenfold.topology.observation import Observation
from tenfold.transitions.crossing import Seen
from tenfold.transitions.perform.evidence import Evidence

DB1, DB2 = "db1/postgres", "db2/postgres"


def told(evidence: Evidence, *, leads: str | None = DB2) -> str:
    intent: Any = SimpleNamespace(goal=SimpleNamespace(leaders={"main": DB1}))
    more: Any = None
    databases = {
        path: ObservedDatabase(path, "leader" if path == leads else "follower")
        for path in (DB1, DB2)
    }
    todo = Leg(intent, Seen(Observation(), databases), more, more)
    return where_writes_go(todo, evidence, lambda host, _: host)


def test_before_the_switch_they_go_where_they_went() -> None:
    assert told(Evidence()) == "writes go to db2/postgres, as before"
    assert "nowhere" in told(Evidence(), leads=None)


def test_once_patroni_was_asked_nobody_says_as_before() -> None:
    where = told(Evidence(ordered=True))
    assert where == "requests go on, to whoever leads: tenfold status says who does"


@pytest.mark.parametrize("ordered", [True, False])
def test_a_switch_that_was_made_is_told(ordered: bool) -> None:
    where = told(Evidence(ordered=ordered, promoted=True))
    assert where == "the switch was made: writes go to db1/postgres"
