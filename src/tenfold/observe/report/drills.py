"""What a report says of a drill: in sentences, and as tables of its page. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tenfold.observe.report import tables
from tenfold.observe.report.figures import clock, count
from tenfold.observe.report.markup import Markup, element, joined
from tenfold.observe.report.model import Report

MARKS = {True: "✓", False: "✗"}


def headline(report: Report, told: Mapping[str, Any]) -> str:
    """What it came to."""
    came = "what was promised held" if told["held"] else "not all that was promised held"
    return f"{told['name']} on {report.app}: {came}"


def noticed(told: Mapping[str, Any]) -> str:
    """What somebody who used the site would have noticed."""
    parts = [waited(told)]
    failed = _failed(told)
    parts.append(failed if failed else "no request failed")
    compared = told["compared"]
    if compared is not None and not compared["lost"] and not compared["duplicated"]:
        parts.append("no acknowledged write was lost")
    elif compared is not None:
        parts.append(f"{compared['lost']} acknowledged writes lost, {compared['duplicated']} twice")
    return "; ".join(parts)


def waited(told: Mapping[str, Any]) -> str:
    """For how long no write was acknowledged."""
    gap = told["gap_seconds"]
    if gap is None:
        return "no write was seen"
    if told["gap_ended"] is None:
        return f"no write was acknowledged any more, for {seconds(gap)} until nobody looked"
    return f"{seconds(gap)} between two acknowledged writes at the longest"


def seconds(value: float) -> str:
    """A length as people say it."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _failed(told: Mapping[str, Any]) -> str:
    parts = [
        f"{told[key]:,} {words}"
        for key, words in (
            ("in_flight_failed", "in flight at the fault"),
            ("unnoticed_failed", "before it was noticed"),
            ("later_failed", "later"),
        )
        if told[key]
    ]
    total = sum(told[k] for k in ("in_flight_failed", "unnoticed_failed", "later_failed"))
    return f"{count(total, 'request')} failed: {', '.join(parts)}" if parts else ""


def facts(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Label and sentence of everything that was seen, for a terminal."""
    yield "broken", told["harm"]
    yield from (("", note) for note in told["notes"])
    yield "writes", waited(told)
    yield "requests", _requests(told)
    yield from (("", sentence) for sentence in failures(told))
    if told["compared"] is not None:
        yield "ledger", ledger(told["compared"])
    yield "leader", led(told)
    for place, finding in enumerate(told["findings"]):
        mark = MARKS[bool(finding["held"])]
        yield "" if place else "promised", f"{mark} {finding['promise']}: {finding['seen']}"
    yield from (("missing", sentence) for sentence in told["missing"])


def failures(told: Mapping[str, Any]) -> Iterator[str]:
    """How requests failed, and when those were sent."""
    for one in told["failures"]:
        first, last = one["first"], one["last"]
        when = f"{first:+.1f} s" if one["count"] == 1 else f"{first:+.1f} to {last:+.1f} s"
        yield f"{one['count']:,} x {one['kind']}, sent {when} from the fault"


def _requests(told: Mapping[str, Any]) -> str:
    failed = _failed(told) or "none failed"
    return f"{told['requests']:,}, {failed}; the longest took {seconds(told['longest_seconds'])}"


def ledger(compared: Mapping[str, Any]) -> str:
    """What became of every write."""
    parts = [
        f"{compared['acknowledged']:,} acknowledged, {compared['lost']} of them lost,"
        f" {compared['duplicated']} there twice"
    ]
    unknown = compared["unknown_applied"] + compared["unknown_not_applied"]
    if unknown:
        parts.append(
            f"{unknown} without an answer, of which {compared['unknown_applied']} are there"
        )
    return "; ".join(parts)


def led(told: Mapping[str, Any]) -> str:
    """Who led before and after."""
    before, after = told["leader_before"], told["leader_after"]
    if after is None:
        return f"{before} led, nobody does now"
    return f"{before} led and leads" if before == after else f"{before} led, {after} leads now"


def page(report: Report, told: Mapping[str, Any]) -> Markup:
    """The tables of its page."""
    found = [
        element(
            "tr",
            element("td", MARKS[bool(f["held"])], class_=f"sign {'good' if f['held'] else 'bad'}"),
            element("td", f["promise"], element("div", f["seen"], class_="small soft")),
        )
        for f in told["findings"]
    ]
    rows: list[tuple[str, object]] = [
        ("What was broken", told["harm"]),
        ("How", {"network": "at the network", "processes": "at the process level"}.get(
            told["level"] or "")),
        ("Notes", "; ".join(told["notes"]) or None),
        ("Broken at", _moment(report, told["fault"])),
        ("Writes stopped", _moment(report, told["gap_began"])),
        ("Writes went on", _moment(report, told["gap_ended"])),
        ("Mended at", _moment(report, told["mended"])),
        ("All as before at", _moment(report, told["well"])),
        ("Writes", waited(told)),
        ("Requests", _requests(told)),
        ("How they failed", "; ".join(failures(told)) or None),
        ("Ledger", None if told["compared"] is None else ledger(told["compared"])),
        ("Leader", led(told)),
        ("Still missing", "; ".join(told["missing"]) or None),
    ]  # fmt: skip
    return joined(
        element(
            "div", element("table", element("tbody", *found), class_="checks"), class_="scroll"
        ),
        tables.facts(rows),
    )


def _moment(report: Report, moment: float | None) -> str | None:
    if moment is None:
        return None
    return f"{clock(moment)}, {moment - report.began:,.1f} s after the begin"
