from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tenfold.deployment.applied import Applied, from_json
from tenfold.deployment.status import never_up, status
from tenfold.state.lock import Holder
from tenfold.topology.observation import Deed, Observation, ObservedHost, ObservedUnit
from tenfold.transitions.journal import Record
from tenfold.transitions.steps import BuildRelease, Handover, to_json
from tenfold.transitions.way import Crossing

APPLIED = Applied(
    "shop",
    "10",
    "http://127.0.0.1:8000",
    ({"name": "vm1", "target": "local", "region": "local", "zone": "a"},),
    {"vm1/postgres": 1, "vm1/app": 2},
)
STEPS = (to_json(BuildRelease("r2")), to_json(Handover("vm1/app", 2, "r2")))
OPEN = Record(1, "deploy", STEPS, 100.0, None, None, None, 0, ())
HOLDER = Holder(1, "ada", "tenfold deploy", 100.0)


def unit(name: str, state: str = "running", release: str | None = None) -> ObservedUnit:
    pool = "app" if name.startswith("app") else None
    return ObservedUnit(name, "any", state, pid=7, pool=pool, release=release)  # type: ignore[arg-type]


def seen(*units: ObservedUnit, agent: str = "running", release: str | None = "r1") -> Observation:
    host = ObservedHost("vm1", "127.0.0.1", agent, units=units)  # type: ignore[arg-type]
    return Observation((host,), release=release)


WELL = seen(unit("postgres"), unit("app.1.1", release="r1"), unit("app.1.2", release="r1"))


def test_everything_that_shall_run_runs() -> None:
    found = status("shop", WELL, APPLIED, None, None)
    assert (found.state, found.missing) == ("running", ())
    assert found.to_json()["hosts"][0]["units"][0]["engine"] == "tenfold"


@pytest.mark.parametrize("state", ["backoff", "failed", "starting", "stopped"])
def test_a_unit_that_does_not_serve_degrades(state: str) -> None:
    now = seen(unit("postgres", state), unit("app.1.1"), unit("app.1.2"))
    found = status("shop", now, APPLIED, None, None)
    assert found.state == "degraded"
    assert found.missing == ("vm1/postgres has 0 of 1",)


def test_a_pool_short_of_one_degrades() -> None:
    now = seen(unit("postgres"), unit("app.1.1"), unit("app.2.1", "warm"))
    assert status("shop", now, APPLIED, None, None).missing == ("vm1/app has 1 of 2",)


@pytest.mark.parametrize(
    ("pages_of", "holder", "state"),
    [("r2", None, "degraded"), ("r2", HOLDER, "running"), ("r1", None, "running")],
)
def test_pages_of_a_release_that_does_not_serve_are_told_once_nobody_is_at_work(
    pages_of: str, holder: Holder | None, state: str
) -> None:
    found = status("shop", WELL, APPLIED, None, holder, pages_of=pages_of)
    assert found.state == state
    assert [("r2" in text and "--last" in text) for text in found.missing] == (
        [True] if state == "degraded" else []
    )


def test_what_runs_and_nobody_brought_up_is_no_app_that_runs() -> None:
    found = status("shop", WELL, None, None, None)
    assert found.state == "degraded"
    assert "tenfold up" in found.missing[0]
    assert status("shop", WELL, None, None, HOLDER).missing == (), "somebody is at work"


def test_without_an_agent_it_is_stopped_and_misses_nothing() -> None:
    found = status("shop", seen(agent="absent"), APPLIED, None, None)
    assert (found.state, found.missing, found.release) == ("stopped", (), "r1")


def test_in_transition_is_what_somebody_works_on() -> None:
    found = status("shop", WELL, APPLIED, OPEN, HOLDER)
    assert found.state == "in-transition"
    assert found.transition
    assert (found.transition["kind"], found.transition["step"]) == ("deploy", "BuildRelease")
    assert (found.transition["position"], found.transition["of"]) == (1, 2)


def test_a_transition_that_was_cut_off_is_shown_and_does_not_hide_health() -> None:
    found = status("shop", WELL, APPLIED, OPEN, None)
    assert found.state == "running"
    assert found.transition
    assert found.transition["state"] == "interrupted"


def crossing(command: str, final: str | None, *, switched: bool = False) -> Crossing:
    return Crossing("10", "100", command, final, switched=switched, began=1.0)


@pytest.mark.parametrize(
    ("position", "move", "phase", "may"),
    [
        ("10", crossing("grow", "100+10"), "preparing", ["resume", "abort"]),
        ("10+100", crossing("grow", None), "prepared", ["grow", "abort"]),
        ("10+100", crossing("grow", "100+10"), "switching", ["resume", "abort"]),
        ("10+100", crossing("abort", "10"), "preparing", ["resume", "abort"]),
        ("100+10", crossing("grow", None, switched=True), "switched", ["complete", "reverse"]),
        ("100+10", crossing("reverse", "10+100", switched=True), "switching", ["resume", "abort"]),
        ("100+10", crossing("complete", "100", switched=True), "completing", ["resume"]),
        ("10+100", crossing("complete", "10", switched=True), "completing", ["resume"]),
    ],
)
def test_of_a_move_phase_and_ways_on_are_told_and_none_while_a_command_is_at_it(
    position: str, move: Crossing, phase: str, may: list[str]
) -> None:
    record = replace(OPEN, kind=move.command)
    if move.final is None:
        record = replace(record, ended=101.0, outcome="done")
    cut_off = status("shop", WELL, APPLIED, record, None, position, move).transition
    assert cut_off
    assert (cut_off["phase"], cut_off["may"], cut_off["holder"]) == (phase, may, None)
    assert cut_off["state"] == ("open" if move.final is None else "interrupted")
    going_on = status("shop", WELL, APPLIED, record, HOLDER, position, move).transition
    assert going_on
    assert (going_on["phase"], going_on["may"]) == (phase, [])
    assert going_on["holder"] == {
        "pid": 1, "user": "ada", "reason": "tenfold deploy", "since": 100.0,
    }  # fmt: skip


def test_the_release_is_the_one_that_the_workers_run() -> None:
    now = seen(unit("postgres"), unit("app.2.1", release="r2"), unit("app.2.2", release="r2"))
    assert status("shop", now, APPLIED, None, None).release == "r2"


def test_an_app_that_was_never_up_has_a_status_too() -> None:
    assert never_up("shop").to_json() == {
        "app": "shop",
        "environment": None,
        "stage": "10",
        "state": "stopped",
        "url": None,
        "release": None,
        "pages": None,
        "hosts": [],
        "transition": None,
        "restore": None,
        "maintenance": None,
    }


def test_maintenance_is_told_without_its_page() -> None:
    fact = {"since": 1.0, "until": None, "message": "x", "page": "<p>", "guests": []}
    told = status("shop", Observation(), APPLIED, None, None, maintenance=fact).to_json()
    assert told["maintenance"] == {"since": 1.0, "until": None, "message": "x"}


def test_what_was_applied_survives_the_journal() -> None:
    assert from_json(APPLIED.to_json()) == APPLIED
    assert from_json(None) is None


APPLIED_BEAT = replace(APPLIED, expected={"vm1/beat": 1})


def beat(state: str, generation: int = 1, until: float | None = None) -> ObservedUnit:
    name = f"beat.{generation}.1"
    return ObservedUnit(name, "worker", state, pool="beat", rests_until=until)  # type: ignore[arg-type]


def told(*units: ObservedUnit, holder: Holder | None = None) -> tuple[str, ...]:
    return status("shop", seen(*units), APPLIED_BEAT, OPEN, holder).missing


def test_of_a_worker_that_rests_it_is_said_what_will_happen_and_when() -> None:
    at = time.strftime("%H:%M:%S", time.localtime(1000.0))
    assert told(beat("resting", until=1000.0)) == (
        f"vm1/beat rests, and works again by itself at {at}",
    )
    assert told(beat("resting", until=1000.0), holder=HOLDER) == (
        "vm1/beat rests while tenfold deploy is at work; if that is killed,"
        f" works again by itself at {at}",
    )
    assert told(beat("resting")) == (
        "vm1/beat rests until the command that was cut off goes on, or is taken back",
    )
    assert told(beat("resting"), holder=HOLDER) == (
        "vm1/beat rests until tenfold deploy wakes or replaces it",
    )
    assert told(beat("resting"), beat("backoff", 2)) == ("vm1/beat has 0 of 1",)
    assert told(beat("resting"), beat("running", 2)) == ()


def test_what_agents_did_since_a_command_was_cut_off_is_told() -> None:
    early, late = Deed("a", 99.0, "before"), Deed("b", 101.0, "beat.1.1 works again")
    host = replace(seen(beat("running")).hosts[0], deeds=(early, late))
    now = Observation((host,), release="r1")
    found = status("shop", now, APPLIED_BEAT, OPEN, None)
    assert found.deeds == (late,)
    assert found.to_json()["deeds"] == [{"id": "b", "at": 101.0, "what": "beat.1.1 works again"}]
    over = replace(OPEN, ended=102.0, outcome="done")
    assert status("shop", now, APPLIED_BEAT, over, None).deeds == ()
