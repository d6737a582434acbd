from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support import reports

from tenfold.observe.report.model import (
    HoldTaken,
    Report,
    Slice,
    StepTaken,
    Waits,
    from_json,
    phase,
)

numbers = st.floats(0, 1e10)
steps = st.builds(StepTaken, st.text(), st.text(), numbers, numbers, st.none() | st.text())
holds = st.builds(HoldTaken, st.text(), numbers, numbers, numbers, st.none() | numbers)
slices = st.builds(Slice, st.integers(0), st.integers(0), numbers)
waits = st.builds(
    Waits,
    count=st.integers(0),
    longest_ms=numbers,
    longest_total_ms=numbers,
    bin_ms=numbers,
    histogram=st.lists(st.integers(0)).map(tuple),
    failed=st.integers(0),
    left=st.integers(0),
    requests=st.integers(0),
    since=st.none() | numbers,
    until=numbers,
    slice_seconds=numbers,
    timeline=st.lists(slices, max_size=5).map(tuple),
)
plain = st.dictionaries(st.text(), st.none() | st.text() | st.integers() | st.lists(st.text()))


@given(
    st.lists(steps, max_size=5).map(tuple),
    st.lists(holds, max_size=3).map(tuple),
    st.none() | waits,
    st.none() | plain,
    st.lists(plain, max_size=3).map(tuple),
)
def test_a_report_is_the_same_after_json(
    steps: Any, holds: Any, waits: Any, found: Any, checks: Any
) -> None:
    report = replace(
        reports.grown(), steps=steps, holds=holds, waits=waits, verification=found, checks=checks
    )
    assert from_json(json.loads(json.dumps(report.to_json()))) == report


def test_the_format_is_named_first() -> None:
    assert next(iter(reports.grown().to_json().items())) == ("format", 1)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"format": 2},
        {"format": 1},
        {**reports.grown().to_json(), "format": 7},
        {**reports.grown().to_json(), "steps": 5},
        {**reports.grown().to_json(), "waits": {"timeline": []}},
        {**reports.grown().to_json(), "unheard_of": 1},
    ],
)
def test_what_is_no_report_of_this_format_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"it (has format|is no report)"):
        from_json(data)


def test_steps_lie_before_within_and_behind_the_time_in_which_requests_waited() -> None:
    report = reports.grown()
    found = {step.sentence.split()[0]: phase(step, report.holds) for step in report.steps}
    assert found["compare"] == "prepare"
    assert found["fence"] == found["hand"] == "switch"
    assert phase(report.steps[-1], report.holds) == "after"


def test_without_a_hold_everything_is_preparation() -> None:
    report: Report = reports.grown(holds=())
    assert {phase(step, report.holds) for step in report.steps} == {"prepare"}
