from __future__ import annotations

import pytest

from tenfold.cli.rollback import chosen, chosen_pages
from tenfold.errors import Refused
from tenfold.topology.observation import Observation

CLEAN, DIRTY, NEXT, BROKEN = "4f2c1d9", "4f2c1d9-a1b2c3", "77aa88b", "99ccdd0"


def seen(*served: str, built: tuple[str, ...] = (CLEAN, DIRTY, NEXT, BROKEN)) -> Observation:
    return Observation(release=served[-1] if served else None, served=served, built=built)


HISTORY = seen(CLEAN, DIRTY, NEXT)


@pytest.mark.parametrize(
    ("wanted", "release"),
    [
        (None, DIRTY),
        (CLEAN, CLEAN),
        (DIRTY, DIRTY),
        ("4f2c1d9-", DIRTY),
        (NEXT, NEXT),
        ("77", NEXT),
    ],
)
def test_a_whole_id_goes_before_a_beginning(wanted: str | None, release: str) -> None:
    assert chosen(HISTORY, wanted) == release


@pytest.mark.parametrize("now", [seen(CLEAN, DIRTY), seen(DIRTY, CLEAN)])
def test_a_clean_and_a_dirty_release_of_one_commit_can_both_be_named(now: Observation) -> None:
    assert {chosen(now, CLEAN), chosen(now, DIRTY)} == {CLEAN, DIRTY}


def test_what_served_twice_is_one_release() -> None:
    now = seen(CLEAN, NEXT, CLEAN, NEXT)
    assert chosen(now, None) == CLEAN
    assert chosen(now, "4f") == CLEAN


@pytest.mark.parametrize(
    ("now", "wanted", "words", "next_"),
    [
        (HISTORY, "4f", "2 releases begin with 4f", [DIRTY, CLEAN]),
        (HISTORY, "nothing", "no release nothing is kept", [DIRTY, CLEAN]),
        (HISTORY, BROKEN, "built and never served", [DIRTY, CLEAN]),
        (HISTORY, "99", "built and never served", [DIRTY, CLEAN]),
        (seen(DIRTY, NEXT), CLEAN, "built and never served", [DIRTY]),  # and not the dirty one
        (seen(CLEAN, NEXT, built=(NEXT,)), CLEAN, "is kept that served", []),
    ],
)
def test_a_refusal_says_what_may_be_named(
    now: Observation, wanted: str, words: str, next_: list[str]
) -> None:
    with pytest.raises(Refused, match=words) as refused:
        chosen(now, wanted)
    assert refused.value.next is not None
    if next_:
        assert refused.value.next.splitlines() == [f"tenfold rollback {id}" for id in next_]
    else:
        assert "there is nothing earlier" in refused.value.next


def test_one_that_was_cut_off_goes_on_to_where_it_was_going() -> None:
    back = seen(CLEAN, NEXT, CLEAN)
    assert chosen(back, None, CLEAN) == CLEAN, "though it serves already"
    assert chosen(back, NEXT, CLEAN) == NEXT, "unless another one is named"
    assert chosen(seen(CLEAN, NEXT, built=(NEXT, CLEAN)), None, BROKEN) == CLEAN


@pytest.mark.parametrize("now", [seen(), seen(CLEAN)])
def test_there_may_be_nothing_to_return_to(now: Observation) -> None:
    with pytest.raises(Refused, match="no earlier release"):
        chosen(now, None)


def test_pages_are_chosen_as_releases_are() -> None:
    history = ["4f2c1d9", "4f2c1d9-2", "77aa88b", "4f2c1d9"]
    assert chosen_pages(history, "4f2c1d9", None) == "77aa88b"
    assert chosen_pages(history, "77aa88b", "4f2c1d9") == "4f2c1d9", "shown twice, and one"
    assert chosen_pages(history, "4f2c1d9", "77") == "77aa88b"
    assert chosen_pages(["4f2c1d9"], "4f2c1d9", None) is None
    with pytest.raises(Refused, match="2 of them begin so") as refused:
        chosen_pages(history, "77aa88b", "4f")
    assert refused.value.next == "tenfold rollback 4f2c1d9\ntenfold rollback 4f2c1d9-2"
    with pytest.raises(Refused, match="none of this name"):
        chosen_pages(history, "77aa88b", "99")
