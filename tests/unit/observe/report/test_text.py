from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support import reports

from tenfold.observe.report import figures, words
from tenfold.observe.report.model import Report, Waits
from tenfold.observe.report.text import full, summary


def waits(**changes: Any) -> Waits:
    found = reports.grown().waits
    assert found is not None
    return replace(found, **{"count": 41, "longest_ms": 118.2, "failed": 0, "left": 0, **changes})


def test_a_good_move_is_five_calm_lines() -> None:
    assert summary(reports.grown(waits=waits())) == (
        "  switch    requests waited, the longest 118 ms; 41 of them, none failed",
        "  copied    812 MB",
        "  verified  31 tables, 1,204,118 rows, 812 MB read: no difference, 2 tables written to"
        " meanwhile",
        "  checks    3 passed, 1 warning",
        "            ! 1 table is unlogged and will be empty on db1",
        "  load      702 writes acknowledged so far, 0 requests failed so far, compared with the"
        " database at the end of the load",
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"holds": ()}, "no request had to wait: none was held"),
        ({"waits": None}, "requests were held for 121 ms; the edge's log could not be read"),
        ({"waits": waits(count=0)}, "held for 121 ms, and none came in that time"),
        ({"waits": waits(count=0, since=9e9)}, "of the edge's log begins only after that"),
        (
            {"waits": waits(since=reports.grown().holds[0].began - 0.5)},
            "41 of them; there may have been more, before what was read of the edge's log",
        ),
        ({"waits": waits(count=1)}, "one request waited, for 118 ms, and did not fail"),
        ({"waits": waits(failed=2)}, "41 of them; 2 answers of 502, 503 or 504 around that"),
        ({"waits": waits(failed=1, left=3)}, "around that; 3 clients left while waiting"),
    ],
)
def test_who_waited_is_said_as_it_was(changes: dict[str, Any], said: str) -> None:
    told = words.waited(reports.grown(**changes))
    assert said in told
    assert ("none failed" in told) == (told == words.waited(reports.grown(waits=waits())))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "bakery moved from stage 10 to stage 100 while it ran"),
        ({"after": "10+100"}, "bakery is prepared to move from stage 10 to stage 100"),
        (
            {"command": "reverse", "before": "100+10", "after": "10+100"},
            "bakery went back from stage 100 to stage 10 while it ran",
        ),
        (
            {"command": "complete", "before": "100+10", "after": "100"},
            "bakery is at stage 100 for good",
        ),
        (
            {"command": "abort", "before": "10+100", "after": "10"},
            "bakery is back at stage 10: the move from stage 10 to stage 100 was given up",
        ),
        ({"command": "resume", "before": "10", "after": "10"}, "bakery is at stage 10, as it was"),
        ({"outcome": "failed"}, "The move from stage 10 to stage 100 did not reach its end"),
        (
            {"outcome": "failed", "command": "reverse"},
            "The move from stage 100 to stage 10 did not reach its end",
        ),
        ({"outcome": "failed", "command": "complete"}, "tenfold complete did not reach its end"),
    ],
)
def test_the_headline_says_what_it_came_to(changes: dict[str, Any], said: str) -> None:
    assert words.headline(reports.grown(**changes)) == said


def test_a_move_that_was_taken_back_says_what_happened_changed_and_comes_next() -> None:
    text = "\n".join(full(reports.backed_out()))
    assert text.startswith(
        "The move from stage 10 to stage 100 was taken back: bakery runs as before · 2026-11-25 "
    )
    assert "  ✗ fence vm1/postgres: it accepts no write any more" in text
    assert "  taken back: let vm1/postgres lead again" in text
    assert "What changed    nothing for your users: whoever served goes on serving" in text
    assert "What next       tenfold resume    goes on from here\n                tenfold" in text
    assert "\nNext " not in text


def test_differences_are_named_one_a_line() -> None:
    found = {**(reports.grown().verification or {}), "differences": ["public.a has 3 rows, not 4"]}
    lines = summary(reports.grown(verification=found))
    assert "1 difference" in lines[2]
    assert lines[3] == "            ✗ public.a has 3 rows, not 4"


def test_a_load_without_a_ledger_has_nothing_to_compare() -> None:
    found = {**(reports.grown().ledger or {}), "acknowledged": None, "failed": 1}
    assert words.loaded(found) == "1 request failed so far"


def test_a_report_of_nothing_is_a_line() -> None:
    empty = Report("bakery", "grow", "10", "100", "10", "10+100", 0.0, 0.0, "done")
    assert len(full(empty)) == 1


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 ms"),
        (0.0094, "9.4 ms"),
        (0.00996, "10 ms"),
        (0.118, "118 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (7_261, "2 h 1 min"),
    ],
)
def test_durations_read_naturally(seconds: float, said: str) -> None:
    assert figures.duration(seconds) == said


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1 kB"),
        (812_430_118, "812 MB"),
        (41_230_000_000, "41.2 GB"),
        (999_600, "1 MB"),
    ],
)
def test_sizes_have_three_digits(size: int, said: str) -> None:
    assert figures.size(size) == said
