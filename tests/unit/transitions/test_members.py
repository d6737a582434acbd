"""Who leads, when a step was planned for another leader."""

from __future__ import annotations

import pytest
from tests.unit.transitions.test_hosting import WHOLE

from tenfold.engines.patroni.probe import view
from tenfold.topology.model import Unit
from tenfold.transitions.perform.members import leads_instead


def leads(*members: tuple[str, str, str]) -> str | None:
    unit = WHOLE.member("db2/postgres")
    assert isinstance(unit, Unit)
    said = [{"name": name, "role": role, "state": state} for name, role, state in members]
    return leads_instead(unit, view({"members": said}))


def test_whoever_leads_as_planned_is_no_objection() -> None:
    assert leads(("db1", "replica", "streaming"), ("db2", "leader", "running")) is None


@pytest.mark.parametrize(
    ("members", "who"),
    [
        ((("db1", "leader", "running"), ("db2", "replica", "streaming")), "db1"),
        ((("db1", "replica", "streaming"), ("db2", "replica", "streaming")), "no database"),
        ((("db1", "replica", "streaming"), ("db2", "leader", "crashed")), "no database"),
        ((), "no database"),
    ],
)
def test_another_leader_is_named(members: tuple[tuple[str, str, str], ...], who: str) -> None:
    assert leads(*members) == f"db2/postgres does not lead any more: {who} does"
