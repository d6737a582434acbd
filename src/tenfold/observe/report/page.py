"""A report as one page of HTML that needs nothing else: no script, no font, no picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from tenfold.observe.report import drills, tables, words
from tenfold.observe.report.figures import count, duration, milliseconds, moment, size
from tenfold.observe.report.histogram import histogram
from tenfold.observe.report.markup import Markup, element, joined
from tenfold.observe.report.model import Report
from tenfold.observe.report.switching import switch
from tenfold.observe.report.timeline import timeline

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is loaded and nothing runs, whatever a name or an error text may contain."""
_BADGES: Final = {
    "done": ("good", "✓ done"),
    "failed": ("bad", "✗ failed"),
    "backed-out": ("bad", "✗ taken back"),
}


def page(report: Report) -> str:
    """The page of a report."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="robots", content="noindex"),
        element("title", f"{report.app}: {report.command} · {moment(report.began)[:16]}"),
        Markup(f"<style>{_style()}</style>"),
    )
    body = element("body", element("main", _header(report), *sections(report), _footer(report)))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


@cache
def _style() -> str:
    return files(__package__).joinpath("files", "page.css").read_text(encoding="utf-8")


def called(report: Report) -> str:
    """The command, with what a drill was of."""
    return report.command if report.drill is None else f"{report.command} {report.drill['name']}"


def _header(report: Report) -> Markup:
    kind, badge = _BADGES[report.outcome]
    lead = words.lead(report)
    return element(
        "header",
        element(
            "p",
            element("span", badge, class_=f"badge {kind}"),
            element("span", report.app),
            element("code", f"tenfold {called(report)}"),
            element("span", moment(report.began)),
            class_="eyebrow",
        ),
        element("h1", f"{words.headline(report)}."),
        element("p", f"{lead[0].upper()}{lead[1:]}.", class_="lead"),
        element("dl", *(_figure(*one) for one in figures(report)), class_="figures"),
    )


def figures(report: Report) -> Iterator[tuple[str, str, str]]:
    """Kind, label and value of what is worth large letters."""
    waits = report.waits
    if report.drill is not None:
        yield from _drilled(report.drill)
    if report.holds and waits is not None:
        yield "main", "longest wait", milliseconds(waits.longest_ms) if waits.count else "none"
        yield "", "requests waited", f"{waits.count:,}"
        yield "bad" if waits.failed else "", "failed", f"{waits.failed:,}"
    if report.holds:
        yield "", "requests were held", duration(words.held_seconds(report))
    if report.copied_bytes is not None:
        yield "", "copied", size(report.copied_bytes)
    yield "", "the whole took", duration(report.seconds)


def _drilled(told: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    gap = told["gap_seconds"]
    if gap is not None:
        yield "main", "writes waited", drills.seconds(gap)
    failed = told["in_flight_failed"] + told["unnoticed_failed"] + told["later_failed"]
    yield "bad" if told["later_failed"] else "", "requests failed", f"{failed:,}"
    if told["compared"] is not None:
        lost = told["compared"]["lost"] + told["compared"]["duplicated"]
        yield "bad" if lost else "", "acknowledged writes lost or twice", f"{lost:,}"


def _figure(kind: str, label: str, value: str) -> Markup:
    number, _, unit = value.partition(" ")
    small = element("small", f" {unit}") if unit else None
    return element("div", element("dt", label), element("dd", number, small), class_=kind or None)


def sections(report: Report) -> Iterator[Markup]:
    """Everything below the headline that there is something to say about."""
    if report.error or report.changed or report.advice:
        yield _section("What went wrong", _failure(report))
    if report.drill is not None:
        yield _section("What was promised, and what was seen", drills.page(report, report.drill))
    if report.steps:
        yield _section("Over time", timeline(report), note=_note(report))
    if report.holds:
        yield _section("While requests were held", switch(report), note=_held(report))
    if report.waits is not None and report.waits.count:
        yield _section("How long they waited", histogram(report.waits), note=_waits(report))
    if report.steps:
        yield _section("What was done", tables.steps(report), _taken_back(report))
    if report.verification is not None:
        yield _section("Are both databases the same?", tables.verification(report.verification))
    if report.checks:
        yield _section("Did anything stand in the way?", tables.checks(report.checks))
    if report.ledger is not None:
        yield _section("Load that was under way", tables.ledger(report.ledger))
    if report.choices and not report.advice:
        yield _section("What may come next", _choices(report))


def _section(title: str, *content: Markup | None, note: str | None = None) -> Markup:
    small = element("p", note, class_="note") if note else None
    return element("section", element("h2", title), small, *content)


def _failure(report: Report) -> Markup:
    told = (
        ("What happened", report.error),
        ("What changed", report.changed),
        ("What next", report.advice),
    )
    return tables.facts(
        (label, element("div", text, class_="lines")) for label, text in told if text
    )


def _note(report: Report) -> str:
    return (
        f"{count(len(report.steps), 'step')} in {duration(report.seconds)}. {words.source(report)}"
    )


def _held(report: Report) -> str:
    hold = max(report.holds, key=lambda h: h.seconds)
    parts = ["Milliseconds since requests began to wait."]
    if len(report.holds) > 1:
        parts.append(f"There were {len(report.holds)} holds; this is the longest.")
    if hold.seconds_postponed >= 0.05:
        parts.append(f"It was put off for {duration(hold.seconds_postponed)} before.")
    if hold.drained is not None:
        took = duration(hold.drained - hold.began)
        parts.append(f"Requests in hand had their answers after {took}.")
    return " ".join(parts)


def _waits(report: Report) -> str:
    waits = report.waits
    assert waits is not None
    parts = [
        f"{count(waits.count, 'request')} by the time each spent waiting, at most.",
        f"The longest of them took {milliseconds(waits.longest_total_ms)} in all.",
    ]
    if waits.left:
        parts.append(f"{count(waits.left, 'client')} more left while waiting.")
    return " ".join(parts)


def _taken_back(report: Report) -> Markup | None:
    if not report.taken_back:
        return None
    return joined(
        element("p", "Then, to take it back:", class_="note"),
        element("ul", *(element("li", sentence) for sentence in report.taken_back)),
    )


def _choices(report: Report) -> Markup:
    return tables.facts(
        (element("code", f"tenfold {choice}"), words.ACTIONS.get(choice, ""))
        for choice in report.choices
    )


def _footer(report: Report) -> Markup:
    return element(
        "footer",
        element(
            "p",
            "What failed and how long writes waited is what the drill's own load saw; requests per"
            " second are from the edges' access logs.",
        )
        if report.drill is not None
        else element(
            "p",
            "A wait reaches from a request's arrival, or from the begin of the hold, to the end of"
            " the hold, as the edge's access log has it. Failed are answers of 502, 503 and 504"
            " from 1 s before to 2 s after a hold. Requests that still ran when this was written,"
            " and WebSockets, are not among these figures.",
        ),
        element("p", f"{report.app} · position {report.before} → {report.after} · Tenfold"),
    )
