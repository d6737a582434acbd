"""The planner of a restore in place: interrupted anywhere, the rest is what is left to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.topologies import one_host

from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Goal
from tenfold.transitions.restoring import Aim, Beside, Restore, from_json, plan

WANTED = Restore("vm1/postgres", "now", "shop-1", "20261126T160000Z", 1, None, 0.0)
TOPOLOGY = one_host()
GOAL = Goal(TOPOLOGY, release="r1", fingerprints={m.path: m.path for m in TOPOLOGY.members()})


def running() -> Observation:
    units = []
    for member in TOPOLOGY.members():
        pooled = member.path == TOPOLOGY.app_pool.path
        units.append(
            ObservedUnit(
                name=f"{member.name}.1.1" if pooled else member.name,
                engine=member.engine,
                state="running",
                pool=member.name if pooled else None,
                generation=1 if pooled else 0,
                release="r1" if pooled else None,
                fingerprint=member.path,
            )
        )
    return Observation(hosts=(ObservedHost("vm1", "127.0.0.1", "running", units=tuple(units)),))


def kinds(aim: Aim, beside: Beside) -> list[str]:
    found = plan("x", replace(WANTED, aim=aim), beside, running(), GOAL, 5.0)
    return [type(s).__name__ for s in found.steps]


SWITCH = ["Settle", "Hold", "Exchange", "WarmPool", "Handover"]


@pytest.mark.parametrize(
    ("aim", "beside", "wanted"),
    [
        ("restored", Beside(False, False), ["BringBeside", *SWITCH]),
        ("restored", Beside(True, False), SWITCH),
        ("restored", Beside(True, True), ["WarmPool", "Handover"]),
        ("before", Beside(True, True), SWITCH),
        ("before", Beside(True, False), ["WarmPool", "Handover"]),
        ("gone", Beside(True, True), ["RemoveBeside"]),
        ("gone", Beside(True, False), ["RemoveBeside"]),
        ("gone", Beside(False, True, left=True), ["RemoveBeside"]),
        ("gone", Beside(False, True), []),
    ],
)
def test_what_is_left_to_do_follows_from_what_is_there(
    aim: Aim, beside: Beside, wanted: list[str]
) -> None:
    assert kinds(aim, beside) == wanted


def test_the_exchange_is_taken_back_by_another_one() -> None:
    step = st.Exchange("vm1/postgres", "now")
    assert step.reverse() == st.Exchange("vm1/postgres", "now", back=True)
    assert step.reverse().reverse() == step


def test_nothing_is_deleted_but_by_what_gives_up_the_way_back() -> None:
    for aim in ("restored", "before"):
        for beside in (Beside(False, False), Beside(True, False), Beside(True, True)):
            assert "RemoveBeside" not in kinds(aim, beside)  # type: ignore[arg-type]


def test_it_is_remembered_as_plain_data() -> None:
    assert from_json(WANTED.to_json()) == WANTED
    assert from_json(None) is None
