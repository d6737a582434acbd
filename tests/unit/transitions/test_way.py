"""What the commands that move an app between stages mean, from every position."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from tenfold import __version__
from tenfold.errors import JournalError, Refused
from tenfold.stages.path import ORDER, stage_of
from tenfold.transitions import way
from tenfold.transitions.way import Crossing


def grown(at: str, to: str) -> Crossing:
    return way.grow(at, None, to, now=1.0)


@pytest.mark.parametrize(
    ("at", "to", "prepared", "far"),
    [
        ("1", "10", "1+10", "10+1"),
        ("10", "1", "10+1", "1+10"),
        ("10", "100", "10+100", "100+10"),
        ("100", "10", "100+10", "10+100"),
    ],
)
def test_a_move_goes_over_the_two_positions_between(
    at: str, to: str, prepared: str, far: str
) -> None:
    crossing = grown(at, to)
    assert (crossing.prepared, crossing.far) == (prepared, far)
    assert way.route(crossing, at) == (prepared, far)
    assert crossing.command == ("grow" if ORDER.index(at) < ORDER.index(to) else "shrink")
    there = way.arrived(far, crossing)
    assert there is not None
    assert way.choices(far, there) == ("complete", "reverse")
    back = way.reverse(far, there)
    assert way.route(back, far) == (prepared,)
    done = way.complete(far, there)
    assert way.route(done, far) == (to,)
    assert way.arrived(to, done) is None


@pytest.mark.parametrize(
    ("at", "to", "nearer"), [("1", "100", "grow --to 10"), ("100", "1", "shrink --to 10")]
)
def test_two_stages_at_once_are_two_moves(at: str, to: str, nearer: str) -> None:
    with pytest.raises(Refused) as refused:
        grown(at, to)
    assert refused.value.next == f"tenfold {nearer}"


@pytest.mark.parametrize(
    ("at", "later", "earlier"),
    [
        ("1", "10", "1"),
        ("10", "100", "1"),
        ("100", "1k", "10"),
        ("1k", "1k", "100"),
        ("10+100", "100", "1"),
    ],
)
def test_without_a_stage_the_next_one_is_meant(at: str, later: str, earlier: str) -> None:
    assert (way.next_stage(at), way.previous_stage(at)) == (later, earlier)


@pytest.mark.parametrize(
    ("at", "to"), [("1", "10"), ("10", "100"), ("10+100", "100"), ("100", "1k"), ("1k", "100")]
)
def test_a_rehearsal_without_a_stage_makes_a_move_that_there_is(at: str, to: str) -> None:
    assert way.onward(at) == to
    way.grow(stage_of(at), None, way.onward(at), now=1.0)  # refused, were there no way


def test_of_a_move_that_was_prepared_nothing_is_left_after_abort() -> None:
    crossing = way.grow("1", None, "10", now=1.0, prepare_only=True)
    prepared = way.arrived("1+10", crossing)
    assert prepared is not None
    assert way.choices("1+10", prepared) == ("grow", "abort")
    assert way.route(way.abort("1+10", prepared), "1+10") == ("1+10", "1")


MOMENT = 1_800_000_000.0
WHEN = datetime.fromtimestamp(MOMENT).strftime("%Y-%m-%d %H:%M")


def test_reverse_after_complete_says_what_took_the_way_back_and_how_to_go_there() -> None:
    completed = replace(grown("10", "100"), command="complete")
    ended = way.ended_from_json(way.Ended.of(completed, "100", MOMENT).to_json())
    with pytest.raises(Refused) as refused:
        way.reverse("100", None, ended)
    assert refused.value.what == f"complete took the way back to stage 10 away, {WHEN}"
    assert refused.value.next == "tenfold shrink --to 10    moves there anew, as live"
    for decide in (way.resume, way.abort, way.complete):
        with pytest.raises(Refused) as refused:
            decide("100", None, ended)
        assert refused.value.what == (
            "no move between stages is under way: complete ended the move from stage 10 to 100 at"
            f" stage 100, {WHEN}"
        )


def test_reverse_after_abort_says_that_nothing_is_left_to_take_back() -> None:
    ended = way.Ended.of(replace(grown("10", "100"), command="abort"), "10", MOMENT)
    with pytest.raises(
        Refused, match="abort ended the move from stage 10 to 100 at stage 10"
    ) as it:
        way.reverse("10", None, ended)
    assert it.value.next == "tenfold grow --to 100    begins it anew"
    with pytest.raises(Refused, match=r"no move between stages is under way$"):
        way.reverse("10", None)


def test_the_last_move_of_a_newer_tenfold_is_not_told() -> None:
    data = {**way.Ended("10", "100", "100", "complete", MOMENT).to_json(), "schema": 2}
    assert way.ended_from_json(data) is None
    assert way.ended_from_json(None) is None


def test_an_open_move_is_remembered_with_the_version_that_wrote_it() -> None:
    crossing = grown("10", "100")
    kept = crossing.to_json()
    assert (kept["schema"], kept["tenfold"]) == (1, __version__)
    assert way.from_json(kept) == crossing
    assert way.from_json(None) is None
    before = {key: value for key, value in kept.items() if key not in ("schema", "tenfold")}
    assert way.from_json(before) == crossing, "as it was written before there was a schema"


@pytest.mark.parametrize(
    "newer", [{"schema": 2}, {"weight": 7}, {"schema": 2, "weight": 7}, {"home": "10k"}]
)
def test_an_open_move_of_a_newer_tenfold_is_refused_by_name(newer: dict[str, object]) -> None:
    data = {**grown("10", "100").to_json(), "tenfold": "7.5.0", **newer}
    with pytest.raises(JournalError) as refused:
        way.from_json(data)
    told = f"{refused.value.what} {refused.value.next}"
    assert f"the move from stage {data['home']} to 100" in told
    assert "newer" in told
    if "home" not in newer:
        assert "Tenfold 7.5.0" in told
        assert f"this is Tenfold {__version__}" in told


def test_an_open_move_that_lacks_something_is_refused_and_no_traceback() -> None:
    data = grown("10", "100").to_json()
    del data["switched"]
    with pytest.raises(JournalError):
        way.from_json(data)
