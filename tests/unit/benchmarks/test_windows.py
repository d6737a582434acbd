from __future__ import annotations

import pytest
from benchmarks.crossing_sizes import both
from benchmarks.windows import Rate, Sample, Window, of_steps, quantile_ms, rate_in, within

from tenfold.observe.report.model import Report, StepTaken


def prepared(*steps: StepTaken) -> Report:
    return Report("diary", "grow", "10", "100", "10", "10+100", 0.0, 60.0, "done", steps=steps)


def test_a_window_reaches_from_the_first_step_of_a_kind_to_the_last() -> None:
    report = prepared(
        StepTaken("StartUnit", "db1/postgres ready", 10.0, 5.0),
        StepTaken("Verify", "verified", 15.0, 2.0),
        StepTaken("StartUnit", "db1/another ready", 16.0, 3.0),
    )
    assert of_steps(report, "StartUnit") == Window(10.0, 19.0)
    assert of_steps(report, "Promote") is None


def test_a_step_that_failed_is_no_window() -> None:
    failed = StepTaken("Verify", "verified", 15.0, 2.0, error="it differs")
    assert of_steps(prepared(failed), "Verify") is None


def test_requests_belong_to_the_window_in_which_they_were_due() -> None:
    samples = [Sample(due, 1.0) for due in (9.9, 10.0, 14.9, 15.0)]
    assert [s.due for s in within(samples, Window(10.0, 15.0))] == [10.0, 14.9]


def test_a_failed_request_is_slower_than_all() -> None:
    samples = [Sample(0.0, float(ms)) for ms in range(1, 20)]
    assert quantile_ms([*samples, Sample(0.0, None)], 0.95) == 19.0
    assert quantile_ms([*samples, Sample(0.0, None), Sample(0.0, None)], 0.95) is None
    assert quantile_ms([], 0.95) is None


def test_a_rate_counts_for_as_much_of_it_as_lies_within() -> None:
    rates = [Rate(9.0, 11.0, 100.0), Rate(11.0, 12.0, 400.0), Rate(30.0, 31.0, 9.0)]
    assert rate_in(rates, Window(10.0, 12.0)) == pytest.approx(250.0)
    assert rate_in(rates, Window(20.0, 21.0)) is None


def test_one_address_leads_to_whichever_of_two_accepts_writes() -> None:
    first, second = "postgresql://u:p@127.0.0.1:5432/d", "postgresql://u:p@127.0.0.2:6432/d"
    hosts = "127.0.0.1:5432,127.0.0.2:6432"
    assert both(first, second) == f"postgresql://u:p@{hosts}/d?target_session_attrs=read-write"
    assert both(f"{first}?a=b", second).endswith("/d?a=b&target_session_attrs=read-write")
