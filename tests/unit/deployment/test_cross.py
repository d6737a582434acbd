"""What an error that ended a move says of where writes go."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tenfold.deployment import cross, writes
from tenfold.deployment.carrying import is_past
from tenfold.deployment.cross import Journey, Leg, where_writes_go
from tenfold.deployment.deployment import CROSSING, ENDED
from tenfold.errors import LeftHalfDone, Refused, TargetError, TenfoldError
from tenfold.targets.memory import MemoryTarget
from tenfold.topology.databases import ObservedDatabase
from tenfold.topology.model import Host
from tenfold.topology.observation import Observation
from tenfold.transitions.crossing import Seen
from tenfold.transitions.perform.evidence import Evidence
from tenfold.transitions.steps import Handover, Promote
from tenfold.transitions.way import Crossing

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


def test_while_whoever_led_is_fenced_nobody_says_as_before() -> None:
    where = told(Evidence(fencing={DB2}))
    assert where.startswith("writes go nowhere until the move goes on: db2/postgres was told")
    where = told(Evidence(fencing={DB2}, asked=True))
    assert where == "db1/postgres was asked to lead and did not answer: requests wait for it"


def test_a_promotion_is_past_its_point_of_no_return_once_the_follower_was_asked() -> None:
    promote = Promote(DB1, DB2)
    assert not is_past(promote, Evidence(fencing={DB2}))
    assert is_past(promote, Evidence(asked=True))
    assert is_past(promote, Evidence(promoted=True))
    assert is_past(Handover("vm1/app", 2, "r2"), Evidence())


def test_once_patroni_was_asked_nobody_says_as_before() -> None:
    where = told(Evidence(ordered=True))
    assert where == "requests go on, to whoever leads: tenfold status says who does"


@pytest.mark.parametrize("ordered", [True, False])
def test_a_switch_that_was_made_is_told(ordered: bool) -> None:
    where = told(Evidence(ordered=ordered, promoted=True))
    assert where == "the switch was made: writes go to db1/postgres"


def test_a_leader_whose_fence_was_not_taken_back_has_no_writes() -> None:
    where = told(Evidence(fencing={DB2}))
    assert where == (
        "writes go nowhere until the move goes on: db2/postgres was told to accept none"
    )
    assert told(Evidence(fencing={DB2}, promoted=True)).endswith("writes go to db1/postgres")


@pytest.mark.parametrize(
    ("command", "ways"), [("grow", ("resume", "abort")), ("complete", ("resume",))]
)
def test_what_was_left_half_done_says_where_writes_go_and_names_only_what_works_in_a_move(
    command: str, ways: tuple[str, ...]
) -> None:
    target = MemoryTarget()
    target.ensure(Host("db2"))
    intent: Any = SimpleNamespace(goal=SimpleNamespace(leaders={"main": DB1}), target=target)
    more: Any = SimpleNamespace(target=target, command=command)
    todo = Leg(intent, Seen(Observation(), {DB2: ObservedDatabase(DB2, "leader")}), more, more)
    walk = Journey(more, more, evidence=Evidence(fencing={DB2}))
    half = LeftHalfDone(
        "not completely", changed="let db2/postgres lead again: no", next="tenfold up"
    )
    error = walk._told(half, more, todo)
    assert isinstance(error, LeftHalfDone)
    changed = (error.changed or "").splitlines()
    assert changed[0] == "let db2/postgres lead again: no"
    assert "writes go nowhere" in changed[1]
    lines = (error.next or "").splitlines()
    assert [line.split()[1] for line in lines] == ["status", *ways]


SLOW = Refused("the switch would take about 9.0 s", next='[transition] max_hold = "14s"')
AWAY = TargetError("the agent of app1 does not come up within 30 s")
NOBODY = Refused("no database leads", changed="nothing; no database accepts writes", next="restore")


@pytest.mark.parametrize(
    ("error", "goes", "told"),
    [
        (SLOW, "writes go to vm1/postgres", "what was prepared stays\nwrites go to vm1/postgres"),
        (AWAY, "no database takes writes: vm1/postgres was fenced", "vm1/postgres was fenced"),
        (TargetError("the agent of app1 is silent"), None, "cannot be seen now"),
        (NOBODY, None, "nothing; no database accepts writes"),
        (KeyboardInterrupt(), "writes go to vm1/postgres", "writes go to vm1/postgres"),
    ],
)
def test_what_is_refused_between_two_stretches_says_that_a_move_is_open(
    error: BaseException, goes: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise error

    deployment: Any = None
    crossing = Crossing("10", "100", "grow", "100+10", switched=False, began=0.0)
    fails = "ensure_agents" if isinstance(error, TargetError) else "leg"
    monkeypatch.setattr(cross, "ensure_agents", lambda _: None)
    monkeypatch.setattr(cross, fails, refused)
    monkeypatch.setattr(writes, "where", lambda _: goes)
    first = getattr(error, "next", None)
    with pytest.raises(TenfoldError) as caught:
        Journey(deployment, deployment)._look("100+10", crossing, None, again=False)
    assert told in str(caught.value.changed)
    ways = [line.split()[:2] for line in str(caught.value.next).splitlines()]
    assert ways[-2:] == [["tenfold", "resume"], ["tenfold", "abort"]]
    assert str(caught.value.next).startswith(first or "tenfold resume")


def test_what_ends_it_behind_the_promotion_says_that_the_switch_was_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(*_: object) -> None:
        raise Refused("db1/postgres cannot be asked")

    deployment: Any = None
    crossing = Crossing("10", "100", "grow", "100+10", switched=False, began=0.0)
    monkeypatch.setattr(cross, "leg", refused)
    monkeypatch.setattr(writes, "where", lambda _: None)
    with pytest.raises(Refused) as caught:
        Journey(deployment, deployment)._look("100+10", crossing, None, again=True)
    told = str(caught.value.changed).splitlines()
    assert told[0] == "the switch was made and is not finished"
    assert "cannot be seen now" in told[1]


def test_what_cannot_be_deleted_of_a_host_that_is_none_keeps_no_move_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def busy() -> None:
        raise TargetError("db1 cannot be deleted: Device or resource busy")

    crossing = Crossing("10", "100", "complete", "100", switched=True, began=0.0)
    facts: dict[str, Any] = {CROSSING: crossing.to_json()}
    deployment: Any = SimpleNamespace(
        position="100+10",
        journal=SimpleNamespace(set=facts.__setitem__),
        target=SimpleNamespace(delete_aside=busy),
    )
    listener: Any = None
    monkeypatch.setattr(Journey, "_reach", lambda *_: None)
    with pytest.raises(TargetError, match="busy"):
        Journey(deployment, listener).go(crossing)
    assert facts[CROSSING] is None
    assert facts[ENDED]["stage"] == "100"
