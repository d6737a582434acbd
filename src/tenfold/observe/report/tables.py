"""The tables of a report's page. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from tenfold.observe.report.figures import count, duration, milliseconds, size
from tenfold.observe.report.markup import Markup, element, joined
from tenfold.observe.report.model import Phase, Report, StepTaken, phase

_PHASES: Final[Mapping[Phase, str]] = {
    "prepare": "Prepare: nobody notices",
    "switch": "Switch: requests wait",
    "after": "After: requests go on",
}
_MARKS: Final = {"fine": "✓", "warn": "!", "stop": "✗"}
_SEVERITIES: Final = {"fine": "passed", "warn": "warning", "stop": "in the way"}


def steps(report: Report) -> Markup:
    """What was done, by phase."""
    head = element(
        "thead",
        element(
            "tr",
            element("th", "Step", scope="col"),
            element("th", "Began", scope="col", class_="figure"),
            element("th", "Took", scope="col", class_="figure"),
        ),
    )
    bodies = [_phase(report, name) for name in _PHASES]
    return _scrolled(element("table", head, *bodies, class_="steps"))


def _phase(report: Report, name: Phase) -> Markup | None:
    own = [step for step in report.steps if phase(step, report.holds) == name]
    if not own:
        return None
    label = element("tr", element("th", _PHASES[name], colspan=3, scope="rowgroup", class_=name))
    return element("tbody", label if report.holds else None, *(_step(report, step) for step in own))


def _step(report: Report, step: StepTaken) -> Markup:
    mark = element("span", "✗ ", class_="bad") if step.error else None
    error = element("div", step.error, class_="bad small") if step.error else None
    return element(
        "tr",
        element("td", mark, step.sentence, error),
        element("td", f"+{max(0.0, step.began - report.began):,.2f} s", class_="figure soft"),
        element("td", duration(step.seconds), class_="figure"),
    )


def verification(found: Mapping[str, Any]) -> Markup:
    """What the comparison of follower and leader found."""
    differences = list(found.get("differences", ()))
    return facts(
        (
            ("Tables read on both sides", f"{int(found.get('tables', 0)):,}"),
            ("Rows", f"{int(found.get('rows', 0)):,}"),
            ("On the follower's disk", size(int(found.get("bytes", 0)))),
            ("Took", duration(float(found.get("seconds", 0)))),
            ("Written to meanwhile", _named(found.get("changing", ()))),
            ("Not read", _named(found.get("not_read", ()))),
            ("Differences", _listed(differences) if differences else "none"),
        )
    )


def checks(found: Sequence[Mapping[str, Any]]) -> Markup:
    """What did not pass, in the open; what did, behind a line that opens."""
    troubles = [check for check in found if check.get("severity") != "fine"]
    passed = [check for check in found if check.get("severity") == "fine"]
    folded = element(
        "details",
        element("summary", f"{count(len(passed), 'check')} passed"),
        _checks(passed),
    )
    return joined(_checks(troubles) if troubles else None, folded if passed else None)


def _checks(found: Iterable[Mapping[str, Any]]) -> Markup:
    return _scrolled(element("table", element("tbody", *map(_check, found)), class_="checks"))


def _check(check: Mapping[str, Any]) -> Markup:
    severity = str(check.get("severity", ""))
    fix = check.get("fix")
    return element(
        "tr",
        element("td", _MARKS.get(severity, "?"), class_=f"sign {_kind(severity)}"),
        element(
            "td",
            element("span", f"{_SEVERITIES.get(severity, severity)}: ", class_="unseen"),
            check.get("what", ""),
            element("div", check["evidence"], class_="small soft")
            if check.get("evidence")
            else None,
            element("div", f"To do: {fix}", class_="small") if fix and severity != "fine" else None,
        ),
    )


def _kind(severity: str) -> str:
    return {"fine": "good", "warn": "warn", "stop": "bad"}.get(severity, "soft")


def ledger(found: Mapping[str, Any]) -> Markup:
    """What load that was under way had seen by the end of the transition."""
    acknowledged = found.get("acknowledged")
    return facts(
        (
            ("Requests per second asked for", f"{found.get('rate', 0):,g}"),
            (
                "Writes acknowledged so far",
                "no ledger is kept" if acknowledged is None else f"{acknowledged:,}",
            ),
            ("Requests that failed so far", f"{found.get('failed', 0):,}"),
            ("Longest stall of writes so far", milliseconds(found.get("longest_stall_ms", 0))),
            (
                "Compared with the database",
                "at the end of the load, by itself" if found.get("ledgers", ()) else "no",
            ),
            ("Ledger", _listed(found.get("ledgers", ())) if found.get("ledgers", ()) else None),
        )
    )


def facts(rows: Iterable[tuple[str, object]]) -> Markup:
    """A table of names and what they stand for; ``None`` leaves one out."""
    return _scrolled(
        element(
            "table",
            element(
                "tbody",
                *(
                    element("tr", element("th", name, scope="row"), element("td", value))
                    for name, value in rows
                    if value is not None
                ),
            ),
            class_="facts",
        )
    )


def _named(names: Sequence[object]) -> str:
    return ", ".join(map(str, names)) if names else "none"


def _listed(found: Sequence[object]) -> Markup:
    return joined(*(element("div", one) for one in found))


def _scrolled(table: Markup) -> Markup:
    return element("div", table, class_="scroll")
