"""Who leads, when a step was planned for another leader, and whom no commit waits for."""

from __future__ import annotations

import pytest
from tests.unit.transitions.test_hosting import WHOLE

from tenfold.engines.patroni.probe import view
from tenfold.topology.model import Unit
from tenfold.transitions.perform.members import Steadily, does_without, leads_instead


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


def without(role: str, tags: dict[str, bool], names: str) -> bool:
    unit = WHOLE.member("db2/postgres")
    assert isinstance(unit, Unit)
    said = [
        {"name": "db1", "role": "leader", "state": "running"},
        {"name": "db2", "role": role, "state": "streaming", "tags": tags},
    ]
    return does_without(unit, names, view({"members": said}))


def test_one_that_has_just_come_to_follow_may_still_be_counted_on() -> None:
    told = {"nosync": True, "nofailover": True}
    assert without("replica", told, "")
    assert not without("replica", {}, ""), "it has not said so: the next round may count on it"
    assert not without("sync_standby", told, "")
    assert not without("replica", told, '"db2"')


def test_one_that_nobody_knows_any_more_is_not_waited_for() -> None:
    unit = WHOLE.member("db2/postgres")
    assert isinstance(unit, Unit)
    assert does_without(unit, "", view({"members": []}))


def test_what_breaks_off_begins_anew() -> None:
    steadily = Steadily(3.0)
    looks = ((True, 0.0), (True, 2.9), (False, 3.0), (True, 3.1), (True, 6.0), (True, 6.2))
    assert [steadily.holds(so, now) for so, now in looks] == [False] * 5 + [True]
