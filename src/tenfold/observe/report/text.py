"""A report as lines for a terminal: plain text, no colour. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.observe.report import drills, words
from tenfold.observe.report.figures import duration, moment, size
from tenfold.observe.report.model import Report, StepTaken

MARKS: Final = {"done": "✓", "failed": "✗", "backed-out": "✗"}
_LEAST_WIDTH, _MOST_WIDTH = 48, 66


def summary(report: Report) -> tuple[str, ...]:
    """What is worth a line right after the transition: waits, comparison, load."""
    return tuple(f"  {label:<10}{text}" for label, text in facts(report))


def full(report: Report) -> tuple[str, ...]:
    """One screen: what was done, what it cost, what may be done next."""
    blocks = [
        [_head(report)],
        [_step(step, _width(report)) for step in report.steps],
        [f"  taken back: {sentence}" for sentence in report.taken_back],
        list(summary(report)),
        list(_failure(report)),
        list(_next(report)),
    ]
    lines: list[str] = []
    for block in filter(None, blocks):
        lines += ["", *block] if lines else block
    return tuple(lines)


def facts(report: Report) -> Iterator[tuple[str, str]]:
    """Label and sentence of everything that was measured."""
    if report.drill is not None:
        yield from drills.facts(report.drill)
    if report.holds:
        yield "switch", words.waited(report)
    if report.copied_bytes is not None:
        yield "copied", size(report.copied_bytes)
    if report.verification is not None:
        yield "verified", words.verified(report.verification)
        yield from (("", f"✗ {found}") for found in report.verification.get("differences", ()))
    if report.checks:
        yield "checks", words.checked(report)
        yield from (("", _trouble(c)) for c in report.checks if c.get("severity") != "fine")
    if report.ledger is not None:
        yield "load", words.loaded(report.ledger)


def _trouble(check: object) -> str:
    assert isinstance(check, dict)
    mark = {"warn": "!", "stop": "✗"}.get(str(check.get("severity")), " ")
    return f"{mark} {check.get('what', '')}"


def _head(report: Report) -> str:
    return f"{words.headline(report)} · {moment(report.began)} · {duration(report.seconds)}"


def _width(report: Report) -> int:
    """Of the column of sentences."""
    longest = max((len(step.sentence) for step in report.steps), default=0)
    return min(max(longest, _LEAST_WIDTH), _MOST_WIDTH)


def _step(step: StepTaken, width: int) -> str:
    mark = "✗" if step.error else "✓"
    line = f"  {mark} {step.sentence:<{width}}{duration(step.seconds):>12}"
    return f"{line}\n      {step.error}" if step.error else line


def _failure(report: Report) -> Iterator[str]:
    told = (
        ("What happened", report.error),
        ("What changed", report.changed),
        ("What next", report.advice),
    )
    for label, text in told:
        if text:
            first, *rest = text.splitlines()
            yield f"{label:<16}{first}"
            yield from (f"{'':<16}{line.strip()}" for line in rest)


def _next(report: Report) -> Iterator[str]:
    if report.advice:
        return
    for index, choice in enumerate(report.choices):
        label = "" if index else "Next"
        yield f"{label:<7}tenfold {choice:<10} {words.ACTIONS.get(choice, '')}".rstrip()
