"""What a plan says is new, changed, and gone once the move is complete."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tenfold.cli.plan_of_a_move import _rows
from tenfold.deployment.forecast import Forecast
from tenfold.spec.read import parse
from tenfold.stages import path
from tenfold.stages.facts import AppFacts, Machine
from tenfold.transitions import way
from tenfold.transitions.planner import Goal

SPEC = parse('name = "my-shop"\napp = "shop:app"\n')
MACHINE, FACTS = Machine(cores=2, memory_bytes=4 << 30), AppFacts("uvicorn", "asgi")


def goal(position: str) -> Goal:
    found = path.position(position, SPEC, MACHINE, FACTS)
    digests = {m.path: position for m in found.topology.members()}
    return Goal(found.topology, "r1", leaders=found.leaders, fingerprints=digests)


def told(home: str, to: str, *machines: str) -> list[tuple[str, ...]]:
    """The rows of this move; ``machines``: the hosts that are there, by the names of afterwards."""
    crossing = way.grow(home, None, to, now=0.0)
    target = SimpleNamespace(hosts=lambda: machines)
    after: Any = SimpleNamespace(goal=goal(str(crossing.final)), target=target)
    forecast = Forecast(crossing, goal(home), after, goal(to).topology, (), (), None, None)
    return _rows(forecast)


def signed(sign: str, rows: list[tuple[str, ...]]) -> dict[str, str]:
    return {path: what for mark, _, path, what in rows if mark == sign}


def test_the_old_database_goes_with_complete_and_is_named_once() -> None:
    rows = told("10", "100", "app1")
    assert signed("-", rows) == {"app1/postgres": "leads, then follows; complete removes it"}
    assert "app1/postgres" not in signed("~", rows)
    assert signed("~", rows)["vm1"] == "becomes app1"
    assert set(signed("+", rows)) == {"db1", "db1/postgres", "app1/database"}


def test_on_the_way_back_the_endpoint_and_the_other_host_go() -> None:
    assert signed("-", told("100", "10", "vm1", "db1")) == {
        "vm1/database": "goes with the switch",
        "db1": "complete removes it",
        "db1/postgres": "leads, then follows; complete removes it",
    }


def test_out_of_patronis_care_every_other_zone_goes() -> None:
    gone = signed("-", told("1k", "100", "app1", "db1", "app2", "db2", "arbiter"))
    assert {name for name in gone if "/" not in name} == {"app2", "db2", "arbiter"}
    assert "db1/postgres" not in gone
    assert {gone[name] for name in ("db2/postgres", "app2/app")} <= {
        "complete removes it",
        "goes with the switch",
    }


def test_an_app_that_gives_way_to_its_pages_keeps_its_data() -> None:
    gone = signed("-", told("10", "1", "vm1"))
    assert gone == dict.fromkeys(("vm1/app", "vm1/postgres"), "complete stops it; its data stays")


@pytest.mark.parametrize(("home", "to"), [("1", "10"), ("100", "1k")])
def test_elsewhere_nothing_of_before_goes(home: str, to: str) -> None:
    assert signed("-", told(home, to, "vm1", "app1", "db1")) == {}
