from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.reports import line

from tenfold.observe.report.model import HoldTaken
from tenfold.observe.report.waits import Request, measure, read, wait_in, width

BEGAN, ENDED = 1000.0, 1040.0
HOLD = HoldTaken("vm1/app", 1020.0, 1020.2, 0.0, 1020.02)


def measured(*lines: str, holds: tuple[HoldTaken, ...] = (HOLD,), **more: Any) -> Any:
    return measure(lines, holds, began=BEGAN, ended=ENDED, **more)


def test_a_request_waits_from_its_arrival_to_the_end_of_the_hold() -> None:
    found = measured(line(1020.25, 0.15))  # came at 1020.1
    assert (found.count, found.longest_ms, found.longest_total_ms) == (1, 100.0, 150.0)


def test_a_request_that_came_before_the_hold_waits_from_its_begin() -> None:
    assert measured(line(1020.21, 0.3)).longest_ms == 200.0


def test_a_request_in_hand_that_ends_within_the_hold_did_not_wait() -> None:
    assert measured(line(1020.02, 0.5)).count == 0


def test_the_first_in_the_queue_waited_though_it_ended_before_the_end_was_known() -> None:
    found = measured(line(1020.197, 0.097))
    assert (found.count, found.longest_ms) == (1, 97.0)


def test_requests_before_and_after_a_hold_did_not_wait() -> None:
    assert measured(line(1019.99, 0.4), line(1020.3, 0.1), line(1030.0, 0.01)).count == 0


def test_a_slow_upload_is_no_wait() -> None:
    """The edge reads a body in full before it asks the app."""
    assert measured(line(1020.25, 30.0, app_seconds=0.04)).longest_ms == 40.0


def test_what_the_edge_answers_by_itself_never_waits() -> None:
    assert measured(line(1020.25, 0.2, app_seconds=None)).count == 0


def test_websockets_are_left_out_for_their_log_line_comes_at_their_end() -> None:
    found = measured(line(1020.25, 900.0, 101))
    assert found.count == 0
    assert max(one.slowest_ms for one in found.timeline) == 0


def test_a_log_without_the_app_s_own_time_is_understood() -> None:
    data = json.loads(line(1020.25, 0.15))
    del data["app_seconds"]
    assert measured(json.dumps(data)).longest_ms == 100.0


def test_errors_of_the_edge_count_from_shortly_before_a_hold_to_shortly_after_it() -> None:
    near = [line(at, 0.01, status) for at, status in ((1019.5, 502), (1020.1, 504), (1021.9, 503))]
    far = [line(1018.0, 0.01, 502), line(1030.0, 0.01, 502), line(1020.1, 0.01, 500)]
    assert measured(*near, *far).failed == 3
    assert sum(one.failed for one in measured(*near, *far).timeline) == 6


def test_a_client_that_leaves_while_it_waits_is_told_apart() -> None:
    found = measured(line(1020.15, 0.1, 499), line(1010.0, 0.1, 499), line(1020.3, 0.2, 0))
    assert (found.left, found.count) == (1, 0)


def test_of_two_holds_the_longer_wait_counts() -> None:
    other = HoldTaken("vm1/app", 1022.0, 1022.1)
    found = measured(line(1022.12, 2.1), line(1022.12, 0.07), holds=(HOLD, other))
    assert (found.count, found.longest_ms) == (2, 180.0)


def test_the_timeline_counts_every_second_until_the_log_is_no_longer_complete() -> None:
    lines = [line(at, 0.05) for at in (1000.2, 1000.9, 1001.5, 1039.5, 999.0, 1041.0)]
    found = measured(*lines, complete=1039.0)
    assert [one.requests for one in found.timeline][:3] == [2, 1, 0]
    assert (len(found.timeline), found.requests, found.until) == (39, 3, 1039.0)
    assert found.since == 999.0


def test_a_stream_that_began_before_is_not_the_slowest_request() -> None:
    found = measured(line(1000.5, 600.0), line(1000.7, 0.2))
    assert (found.timeline[0].requests, found.timeline[0].slowest_ms) == (2, 200.0)


def test_a_log_that_ends_before_the_transition_has_an_empty_timeline() -> None:
    found = measured(line(900.0, 0.1), complete=950.0)
    assert (found.requests, found.until, len(found.timeline)) == (0, BEGAN, 1)


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "{",
        '{"ended": 1020.25, "seconds": 0.1',
        '0.1, "status": 200}',
        "[]",
        "{}",
        '{"ended": true, "seconds": 0.1, "status": 200}',
        '{"ended": NaN, "seconds": 0.1, "status": 200}',
        '{"ended": 1e400, "seconds": 0.1, "status": 200}',
        '{"ended": 1020.2, "seconds": -1, "status": 200}',
        '{"ended": 1020.2, "seconds": 1e9, "status": 200}',
        '{"ended": 1020.2, "seconds": 0.1, "status": "200"}',
        '{"ended": 1020.2, "seconds": 0.1, "status": 2000}',
        '{"ended": ' + "9" * 5000 + ', "seconds": 0.1, "status": 200}',
        '{"a": ' + "[" * 100_000,
        '2026/11/25 15:30:12 [error] 7#7: *1 upstream timed out, request: "GET {\\"ended\\":1}"',
        "\x00\x1b[31m\ud800",
    ],
)
def test_lines_that_are_none_of_the_log_are_passed_over(foreign: str) -> None:
    assert read(foreign) is None
    assert measured(foreign, line(1020.25, 0.15)).count == 1


@given(st.text(), st.text())
def test_what_a_client_sends_changes_no_figure(path: str, agent: str) -> None:
    plain, odd = line(1020.25, 0.15), line(1020.25, 0.15, path=path, agent=agent, id=path)
    assert measured(odd) == measured(plain)


@given(st.text(max_size=200))
def test_no_line_whatever_is_too_much(text: str) -> None:
    read(text)
    read("{" + text)


requests = st.builds(
    Request,
    ended=st.floats(1019.0, 1022.0),
    seconds=st.floats(0, 5),
    status=st.sampled_from((200, 204, 302, 404, 499, 500, 502, 504)),
    app_seconds=st.none() | st.floats(0, 5),
)


@given(requests)
def test_nobody_waits_longer_than_the_hold_or_than_the_app_took(request: Request) -> None:
    wait = wait_in(request, HOLD)
    if wait is not None:
        assert request.app_seconds is not None
        assert 0 <= wait <= min(HOLD.seconds, request.app_seconds) + 1e-6
        assert wait <= request.seconds + 1e-6 or request.seconds < request.app_seconds


@given(st.lists(requests, max_size=60))
def test_the_histogram_has_everybody_who_waited(found: list[Request]) -> None:
    waits = measured(
        *(line(r.ended, r.seconds, r.status, app_seconds=r.app_seconds) for r in found)
    )
    assert sum(waits.histogram) == waits.count <= len(found)
    assert len(waits.histogram) <= 20
    if waits.count:
        last = len(waits.histogram) - 1
        assert last * waits.bin_ms <= waits.longest_ms + 0.05
        assert waits.longest_ms < (last + 1) * waits.bin_ms


@given(st.floats(0, 1e7), st.sampled_from((1.0, 10.0)))
def test_a_width_is_round_and_wide_enough(span: float, least: float) -> None:
    found = width(span, 20, least=least)
    assert found >= least
    assert found * 20 > span
    assert f"{found:e}"[:4] in {"1.00", "2.00", "2.50", "5.00"}


def test_thirty_thousand_lines_are_read_in_a_second_or_so() -> None:
    lines = [line(1000 + n * 0.04, 0.01) for n in range(1000)] * 30
    began = time.process_time()
    assert measured(*lines).requests == 30_000
    assert time.process_time() - began < 10
