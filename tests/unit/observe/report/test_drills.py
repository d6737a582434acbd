"""The report of a drill: on a terminal, on its page, in its file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support import reports
from tests.unit.observe.report.test_page import Parsed

from tenfold.observe.report import drills, store, words
from tenfold.observe.report.model import from_json
from tenfold.observe.report.page import called, page
from tenfold.observe.report.text import full

LOST = {"acknowledged": 702, "lost": 3, "duplicated": 1, "unknown_applied": 0,
        "unknown_not_applied": 0}  # fmt: skip


def drill(**changes: Any) -> dict[str, Any]:
    return dict(reports.drilled(**changes).drill or {})


def test_it_says_what_somebody_would_have_noticed() -> None:
    assert drills.noticed(drill()) == (
        "20.4 s between two acknowledged writes at the longest; 2 requests failed: 2 in flight at"
        " the fault; no acknowledged write was lost"
    )
    assert drills.noticed(drill(in_flight_failed=0)).split("; ")[1] == "no request failed"
    assert "3 acknowledged writes lost, 1 twice" in drills.noticed(drill(compared=LOST))
    never = drills.noticed(drill(gap_ended=None, gap_seconds=61.0))
    assert never.startswith("no write was acknowledged any more, for 61.0 s")
    assert drills.noticed(drill(gap_seconds=None, compared=None)).startswith("no write was seen")


def test_a_screen_tells_what_was_promised_and_what_was_seen() -> None:
    lines = full(reports.drilled(missing=["db1/postgres has 0 of 1"]))
    said = "\n".join(lines)
    assert lines[0].startswith("kill-zone a on bakery: what was promised held")
    assert "  broken    everything on app1 and db1 is killed (SIGKILL)" in lines
    assert "            2 x status 502, sent -0.2 to -0.1 s from the fault" in lines
    assert "  leader    db1 led, db2 leads now" in lines
    assert "  promised  ✓ every acknowledged write is there, once: 0 lost" in lines
    assert "            ✓ never two leaders: one at a time took writes" in lines
    assert "2 without an answer, of which 1 are there" in said
    assert "  missing   db1/postgres has 0 of 1" in lines


def test_what_did_not_hold_is_marked() -> None:
    findings = [{"promise": "never two leaders", "held": False, "seen": "2 took writes"}]
    report = reports.drilled(held=False, findings=findings)
    assert words.headline(report).endswith("not all that was promised held")
    assert "✗ never two leaders: 2 took writes" in "\n".join(full(report))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"gap_began": None, "gap_ended": None, "gap_seconds": None, "compared": None},
        {"gap_ended": None, "well": None, "mended": None, "leader_after": None},
        {"level": "network", "notes": ["<b>", "not at the network"]},
        {"compared": LOST, "later_failed": 4, "missing": ["<db1>"]},
    ],
)
def test_its_page_is_whole_and_has_the_times(changes: Any) -> None:
    report = reports.drilled(**changes)
    parsed = Parsed(page(report))
    assert "What was promised, and what was seen" in parsed.words
    assert "tenfold drill kill-zone a" in parsed.words
    if report.drill and report.drill["gap_began"] is not None:
        assert "no write acknowledged, 20 s" in parsed.words or "no write ack" in parsed.words
        assert "Writes stopped" in parsed.words
    if changes.get("level"):
        assert "at the network" in parsed.words


def test_it_is_the_same_after_json() -> None:
    report = reports.drilled()
    assert from_json(json.loads(json.dumps(report.to_json()))) == report


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        ("kill-leader", "-drill-kill-leader"),
        ("kill-zone a", "-drill-kill-zone-a"),
        ("partition a|b,c", "-drill-partition-a-b-c"),
        ("kill-zone eu-1", "-drill-kill-zone-eu"),
    ],
)
def test_its_file_is_named_after_the_drill(tmp_path: Path, name: str, ends: str) -> None:
    report = reports.drilled(name=name)
    first = store.save(tmp_path / "reports", report, page).name
    second = store.save(tmp_path / "reports", report, page).name
    assert first.endswith(ends)
    assert second == f"{first}-2"
    assert store.names(tmp_path / "reports") == (second, first)
    assert store.load(tmp_path / "reports", "last") == (second, report)
    assert called(report) == f"drill {name}"
