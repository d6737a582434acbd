from __future__ import annotations

import dataclasses
import json

import pytest
from benchmarks.figures import Goal
from benchmarks.markdown import number, page, text
from benchmarks.results import Comparison, Finding, Record, Table, record_from

FINDING = Finding(
    name="speed",
    title="Speed",
    how="In turns.",
    comparisons=(
        Comparison(
            "GET /",
            "requests/s",
            ours=(960.0, 970.0, 980.0, 990.0, 985.0, 975.0),
            theirs=(1000.0,) * 6,
            more_is_better=True,
            goal=Goal(at_least=0.95),
        ),
    ),
    tables=(Table("Parts", ("unit", "MiB"), (("edge", "6.1"),)),),
    notes=("The generator was busy.",),
    raw={"rounds": [1, 2, 3]},
)
RECORD = Record(FINDING, {"processor": "2 cores"}, "python -m benchmarks speed")


def test_a_record_survives_its_file() -> None:
    assert record_from(RECORD.to_json()) == RECORD


def test_a_record_of_another_version_is_refused() -> None:
    with pytest.raises(ValueError, match="version 2"):
        record_from(RECORD.to_json().replace('"version": 1', '"version": 2'))


def test_a_row_has_medians_the_worst_the_ratio_and_the_verdict() -> None:
    row = "| GET /, requests/s | 978 (960) | 1,000 (1,000) | 0.978 | 0.960 to 0.990 (97%, 6 rounds)"
    assert f"{row} | ≥ 0.95: reached |" in text(FINDING)


def test_the_columns_are_named_by_what_is_compared() -> None:
    assert "|  | Tenfold | by hand | ratio | interval | goal |" in text(FINDING)
    sized = dataclasses.replace(FINDING, sides=("5,000 MB", "100 MB"))
    assert "|  | 5,000 MB | 100 MB | ratio | interval | goal |" in text(sized)
    assert record_from(dataclasses.replace(RECORD, finding=sized).to_json()).finding == sized


def test_a_record_that_names_no_sides_compares_tenfold_with_the_hand() -> None:
    data = json.loads(RECORD.to_json())
    del data["finding"]["sides"]
    assert record_from(json.dumps(data)) == RECORD


def test_what_limits_the_figures_stands_beside_them() -> None:
    assert "**Note:** The generator was busy." in text(FINDING)


def test_the_page_says_where_and_how_it_was_made() -> None:
    written = page([RECORD])
    assert "processor: 2 cores" in written
    assert "`python -m benchmarks speed`" in written
    assert "| edge | 6.1 |" in written


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (12345.6, "12,346"), (99.94, "99.9"), (1.234, "1.23"), (0.01234, "0.0123")],
)
def test_numbers_have_three_digits(value: float, shown: str) -> None:
    assert number(value) == shown
