from __future__ import annotations

from typing import Any

import pytest
from benchmarks.deploy_tables import LONGEST_WAIT, Run, kinds, longest_wait, notes, noticed


def request(name: str, longest: float, failed: float = 0.0) -> dict[str, Any]:
    return {
        "name": name,
        "latency_ms": {"p50": 2.0, "p99": 20.0, "max": longest},
        "longest_failed_ms": failed,
    }


def report(failures: list[dict[str, Any]]) -> dict[str, Any]:
    failed = sum(failure["count"] for failure in failures)
    return {
        "ok": not failed,
        "overall": {"due": 1000, "failed": failed, "failures": failures},
        "requests": [
            request("read", 30.0, failed=90.0 if failed else 0.0),
            request("write", 40.0),
            request("slow answer", 1530.0),
        ],
        "writes": {"longest_stall_ms": 41.0},
        "comparison": {"acknowledged": 300, "counts": {"lost": 0, "duplicated": 0}},
        "generator": {"cpu_share": 0.07},
        "warnings": [],
    }


BAD_GATEWAY = {"kind": "status 502", "count": 4, "example": "<html>\r\n<h1>502</h1>"}
OURS = Run("Tenfold", [1.0, 2.0, 9.0], [1.5], None, report([]))
THEIRS = Run("by hand", [0.5, 0.6], [], None, report([BAD_GATEWAY]))


def test_both_sides_stand_beside_each_other() -> None:
    rows = {row[0]: row[1:] for row in noticed([OURS, THEIRS]).rows}
    assert rows["**failed requests**"] == ("**0**", "**4**")
    assert rows["renewals per failed request"] == ("", "0.500")
    assert rows["one of them: median (longest), s"] == ("2.00 (9.00)", "0.550 (0.600)")
    assert rows["one rollback: median (longest), s"] == ("1.50 (1.50)", "")


def test_the_longest_wait_counts_failed_requests_and_takes_off_what_is_slow_on_purpose() -> None:
    rows = {row[0]: row[1:] for row in noticed([OURS, THEIRS]).rows}
    assert rows[LONGEST_WAIT] == ("40.0", "90.0")


@pytest.mark.parametrize(
    ("request_", "longest"),
    [
        (request("upload", 310.0), 310.0),
        (request("slow answer", 1700.0), 200.0),
        (request("slow answer", 1500.0, failed=4000.0), 2500.0),
        (request("slow answer", 1500.0, failed=3.0), 40.0),  # of the write
    ],
)
def test_the_longest_wait_may_be_of_an_upload_or_a_slow_answer(
    request_: dict[str, Any], longest: float
) -> None:
    told = {"requests": [request("read", 30.0), request("write", 40.0), request_]}
    assert longest_wait(told, 1.5) == longest


def test_each_kind_has_its_latencies() -> None:
    rows = {row[0]: row[1:] for row in kinds([OURS, THEIRS]).rows}
    assert rows["slow answer"][0] == "2.00 / 20.0 / 1,530"


def test_notes_say_how_requests_failed_and_what_none_in_n_means() -> None:
    said = notes([OURS, THEIRS])
    assert "by hand, failed as *status 502*: 4, for example <html> <h1>502</h1>" in said
    assert any(note.startswith("Tenfold: none in 3 renewals") for note in said)
    assert not any(note.startswith("by hand: none in") for note in said)


def test_a_run_that_ended_early_claims_nothing() -> None:
    ended = Run("Tenfold", [1.0] * 9, [], "Tenfold, after 9: it broke", report([]))
    assert notes([ended]) == ["Tenfold, after 9: it broke"]
