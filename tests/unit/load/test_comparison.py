from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.load import LedgerRecord, at_most_share, compare
from tenfold.load.ids import ids_in, setup_id, write_id
from tenfold.load.ledger import Outcome

RUN = "1f3a9c2e"
IDS = st.sampled_from([write_id(RUN, n) for n in range(12)])
OUTCOMES: st.SearchStrategy[Outcome] = st.sampled_from(["acknowledged", "refused", "unknown"])


def test_each_kind_of_trouble_gets_its_name() -> None:
    record = LedgerRecord(
        RUN,
        {
            "kept": "acknowledged",
            "lost": "acknowledged",
            "twice": "acknowledged",
            "refused": "refused",
            "refused-yet-there": "refused",
            "unknown-there": "unknown",
            "unknown-not-there": "unknown",
        },
    )
    found = ["kept", "twice", "twice", "refused-yet-there", "unknown-there", "stranger"]
    comparison = compare(record, found)
    assert comparison.lost == ("lost",)
    assert comparison.duplicated == (("twice", 2),)
    assert comparison.refused_applied == ("refused-yet-there",)
    assert comparison.unknown_applied == ("unknown-there",)
    assert comparison.unknown_not_applied == ("unknown-not-there",)
    assert comparison.phantom == ("stranger",)
    counts = (comparison.sent, comparison.acknowledged, comparison.refused, comparison.unknown)
    assert counts == (7, 3, 2, 2)
    assert not comparison.holds


def test_an_unknown_outcome_alone_breaks_no_promise() -> None:
    record = LedgerRecord(RUN, {"a": "unknown", "b": "acknowledged", "c": "unknown"})
    assert compare(record, ["a", "b"]).holds


@pytest.mark.parametrize("outcome", ["acknowledged", "unknown", "refused"])
def test_a_write_applied_twice_breaks_it_whatever_was_answered(outcome: Outcome) -> None:
    assert not compare(LedgerRecord(RUN, {"a": outcome}), ["a", "a"]).holds


@given(st.dictionaries(IDS, OUTCOMES), st.lists(IDS))
def test_every_write_is_in_exactly_one_place(
    outcomes: dict[str, Outcome], found: list[str]
) -> None:
    comparison = compare(LedgerRecord(RUN, outcomes), found)
    times = Counter(found)
    expected = {one for one, outcome in outcomes.items() if outcome == "acknowledged"}
    assert set(comparison.lost) == expected - set(times)
    assert set(comparison.unknown_applied) | set(comparison.unknown_not_applied) == {
        one for one, outcome in outcomes.items() if outcome == "unknown"
    }
    assert not set(comparison.unknown_applied) & set(comparison.unknown_not_applied)
    assert set(comparison.phantom) == set(times) - set(outcomes)
    assert sum(count - 1 for _, count in comparison.duplicated) == len(found) - len(times)


def test_ids_are_found_inside_text_once_for_every_row() -> None:
    a, b = write_id(RUN, 10), write_id(RUN, 11)
    rows = [f"hello {a}", f"{b}0", f"{a} quoted: {a}", "nothing", write_id("00000000", 10), ""]
    assert sorted(ids_in(rows, RUN, "contains")) == [a, a, b]


def test_exact_wants_the_whole_value() -> None:
    a = write_id(RUN, 10)
    assert list(ids_in([a, f"{a} ", f"x{a}"], RUN, "exact")) == [a]


def test_an_id_of_the_setup_is_never_taken_for_a_write() -> None:
    assert list(ids_in([f"load-{setup_id(RUN, n)}" for n in range(300)], RUN, "contains")) == []


def test_the_rule_of_three() -> None:
    assert at_most_share(58_086) == pytest.approx(3 / 58_086)
    assert at_most_share(2) == 1.0
    assert at_most_share(0) is None
