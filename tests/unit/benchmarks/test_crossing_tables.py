from __future__ import annotations

from typing import Any

import pytest
from benchmarks.crossing_tables import (
    BETWEEN,
    PARTS,
    Crossings,
    Move,
    bound,
    composition,
    held,
    histogram,
    move_of,
    notes,
    noticed,
    p90,
)
from benchmarks.deploy_tables import LONGEST_WAIT

from tenfold.observe.report.model import HoldTaken, Report, StepTaken, Waits

BEGAN = 1000.0


def step(kind: str, began: float, seconds: float) -> StepTaken:
    return StepTaken(kind, kind.lower(), BEGAN + began, seconds)


def hold(began: float, ended: float) -> HoldTaken:
    return HoldTaken("vm1/app", BEGAN + began, BEGAN + ended)


def moved(*steps: StepTaken, holds: tuple[HoldTaken, ...], waits: Waits | None = None) -> Report:
    return Report(
        app="diary",
        command="grow",
        home="10",
        goal="100",
        before="10+100",
        after="100+10",
        began=BEGAN,
        ended=BEGAN + 20,
        outcome="done",
        steps=steps,
        holds=holds,
        waits=waits,
    )


SWITCH = (
    step("CatchUp", 1.0, 2.0),
    step("Hold", 9.0, 1.2),  # a quiet moment was awaited first: requests wait only from 10.0 on
    step("Fence", 10.25, 0.3),
    step("AwaitLast", 10.56, 0.04),
    step("Promote", 10.61, 0.1),
    step("Handover", 10.72, 3.0),  # and goes on while the old workers end
    step("Follow", 13.8, 0.5),
)


def test_a_hold_is_the_sum_of_its_parts_and_of_what_lies_between_them() -> None:
    move = move_of(moved(*SWITCH, holds=(hold(10.0, 10.8),)), 21.0)
    assert move.held == pytest.approx(0.8)
    assert move.parts == pytest.approx(
        {
            PARTS["Hold"]: 0.2,
            PARTS["Fence"]: 0.3,
            PARTS["AwaitLast"]: 0.04,
            PARTS["Promote"]: 0.1,
            PARTS["Handover"]: 0.08,
            BETWEEN: 0.08,
        }
    )
    assert sum(move.parts.values()) == pytest.approx(move.held)


def test_the_hold_that_led_to_the_switch_counts_and_how_many_it_took() -> None:
    move = move_of(moved(*SWITCH, holds=(hold(7.0, 9.0), hold(10.0, 10.8))), 21.0)
    assert (move.tries, move.held) == (2, pytest.approx(0.8))


def test_workers_that_start_late_are_a_part_of_the_hold() -> None:
    late = (step("Hold", 0.0, 0.1), step("WarmPool", 0.1, 2.0), step("Handover", 2.1, 0.1))
    move = move_of(moved(*late, holds=(hold(0.0, 2.2),)), 3.0)
    assert move.parts[PARTS["WarmPool"]] == pytest.approx(2.0)


def test_a_command_that_held_nothing_is_no_move() -> None:
    with pytest.raises(ValueError, match="held nothing"):
        move_of(moved(*SWITCH, holds=()), 1.0)


@pytest.mark.parametrize(("count", "longest"), [(0, None), (3, 840.0)])
def test_the_longest_wait_is_known_only_if_somebody_waited(
    count: int, longest: float | None
) -> None:
    waits = Waits(count, 840.0, 900.0, 100.0, (), 0, 0, 50, BEGAN, BEGAN + 20, 1.0, ())
    move = move_of(moved(*SWITCH, holds=(hold(10.0, 10.8),), waits=waits), 21.0)
    assert move.longest_wait_ms == longest


def request(name: str, longest: float) -> dict[str, Any]:
    return {"name": name, "latency_ms": {"max": longest}, "longest_failed_ms": 0.0}


def loaded(failures: list[dict[str, Any]]) -> dict[str, Any]:
    failed = sum(failure["count"] for failure in failures)
    return {
        "ok": not failed,
        "overall": {"due": 9000, "failed": failed, "failures": failures},
        "requests": [
            request("read", 800.0),
            request("write", 810.0),
            request("slow answer", 1030.0),
        ],
        "writes": {"longest_stall_ms": 820.0},
        "comparison": {
            "acknowledged": 2700,
            "unknown": failed,
            "counts": {"lost": 0, "duplicated": 0},
        },
        "generator": {"cpu_share": 0.07},
        "warnings": [],
    }


def move(name: str, held_ms: float, tries: int = 1) -> Move:
    return Move(
        name, 12.0, held_ms / 1000, {"stop": held_ms / 4000, "go": held_ms * 3 / 4000}, tries
    )


OURS = Crossings(
    "Tenfold", [move("grow", 700), move("reverse", 500), move("grow", 900)], None, loaded([])
)
THEIRS = Crossings(
    "by hand",
    [move("move", 2400)],
    None,
    loaded([{"kind": "status 502", "count": 2, "example": "<h1>\r\n502"}]),
)


def test_both_sides_stand_beside_each_other() -> None:
    rows = {row[0]: row[1:] for row in noticed([OURS, THEIRS]).rows}
    assert rows["**failed requests**"] == ("**0**", "**2**")
    assert rows["writes without a known outcome"] == ("0", "2")
    assert rows[LONGEST_WAIT] == ("830", "830")
    assert rows["longest wait in one move, edge's log: median (longest), ms"] == ("", "")


def test_there_and_back_are_told_apart() -> None:
    rows = {row[0]: row[1:] for row in held([OURS, THEIRS]).rows}
    assert rows["Tenfold: grow"] == ("2", "800", "900", "900")
    assert rows["Tenfold: reverse"] == ("1", "500", "500", "500")
    assert rows["by hand: move"] == ("1", "2,400", "2,400", "2,400")


def test_every_move_is_in_one_bin_and_bins_between_them_are_shown() -> None:
    rows = histogram([OURS, THEIRS]).rows
    assert sum(int(row[1]) for row in rows) == 3
    assert rows[0] == ("500 to 600 ms", "1", "0")
    assert ("1,000 to 1,250 ms", "0", "0") in rows
    assert rows[-1] == ("2,000 to 3,000 ms", "0", "1")
    endless = Crossings("Tenfold", [move("grow", 60_000)])
    assert histogram([endless]).rows == (("10,000 ms or longer", "1"),)


def test_the_parts_come_in_their_order_with_their_share() -> None:
    rows = composition(OURS).rows
    assert rows[0] == ("stop", "175", "225", "225", "25%")
    assert rows[1][0] == "go"
    assert rows[-1] == ("**together**", "700", "900", "900", "")
    parts = {BETWEEN: 0.1, PARTS["Fence"]: 0.3, PARTS["Hold"]: 0.2}
    ours = Crossings("Tenfold", [Move("grow", 12.0, 0.6, parts)])
    names = [row[0] for row in composition(ours).rows]
    assert names == [PARTS["Hold"], PARTS["Fence"], BETWEEN, "**together**"]


def test_notes_say_how_requests_failed_and_what_none_in_n_means() -> None:
    said = notes([OURS, THEIRS])
    assert "by hand, failed as *status 502*: 2, for example <h1> 502" in said
    assert bound("Tenfold", 3) in said
    assert not any(note.startswith("by hand: no failed") for note in said)
    assert "fewer than 3.0% of moves" in bound("Tenfold", 100)


def test_a_hold_that_was_begun_again_is_told() -> None:
    again = Crossings("Tenfold", [move("grow", 700, tries=3)], None, loaded([]))
    assert any("2 times a hold was given up" in note for note in notes([again]))


def test_a_run_that_ended_early_claims_nothing() -> None:
    ended = Crossings("Tenfold", OURS.moves, "Tenfold, after 3: it broke", loaded([]))
    assert notes([ended]) == ["Tenfold, after 3: it broke"]


def test_the_ninth_decile() -> None:
    assert p90([float(x) for x in range(1, 12)]) == 10.0
    assert p90([3.0, 1.0]) == 3.0
