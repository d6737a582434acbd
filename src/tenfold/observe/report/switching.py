"""The switch itself in milliseconds: what happened while requests waited. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from tenfold.observe.report.axes import Axis, bar, grid, labels, milliseconds
from tenfold.observe.report.figures import count, duration
from tenfold.observe.report.markup import Markup, element
from tenfold.observe.report.model import HoldTaken, Report, StepTaken, phase

_MARGIN = 0.12
"""How much before and after the hold is shown, as a share of it."""


def switch(report: Report) -> Markup:
    """A row for every step that took place around the longest hold, all on one axis."""
    hold = max(report.holds, key=lambda h: h.seconds)
    length_ms = max(hold.seconds * 1000, 1.0)
    axis = Axis(-_MARGIN * length_ms, (1 + _MARGIN) * length_ms)
    rows = [_step(report, axis, hold, step) for step in shown(report, hold, axis)]
    waiting = _waiting(report, axis, hold) if len(report.holds) == 1 else None
    return element(
        "div",
        element("ol", *rows, waiting, class_="rows"),
        element(
            "svg",
            labels(axis, 14, milliseconds),
            width="100%",
            height=20,
            aria_hidden="true",
            class_="plot",
        ),
        class_="switch",
    )


def shown(report: Report, hold: HoldTaken, axis: Axis) -> Iterable[StepTaken]:
    """The steps of which something lies on the axis."""
    for step in report.steps:
        began, ended = _ms(step.began, hold), _ms(step.ended, hold)
        if began < axis.end and ended > axis.start:
            yield step


def _ms(moment: float, hold: HoldTaken) -> float:
    """Milliseconds since requests began to wait."""
    return (moment - hold.began) * 1000


def _step(report: Report, axis: Axis, hold: HoldTaken, step: StepTaken) -> Markup:
    began, ended = _ms(step.began, hold), _ms(step.ended, hold)
    kind = "bad" if step.error else phase(step, report.holds)
    return _row(
        axis,
        hold,
        step.sentence,
        duration(step.seconds) + (" in all" if began < axis.start or ended > axis.end else ""),
        bar(axis, began, ended, y=0, height=9, class_=kind),
    )


def _row(
    axis: Axis, hold: HoldTaken, label: str, figure: str, drawn: Markup, kind: str | None = None
) -> Markup:
    backdrop = element(
        "svg",
        grid(axis),
        bar(axis, 0.0, hold.seconds * 1000, y=0, height="100%", class_="band", whole=True),
        aria_hidden="true",
        class_="back",
    )
    return element(
        "li",
        backdrop,
        element("span", label, class_="what"),
        element("span", figure, class_="figure"),
        element("svg", drawn, aria_hidden="true", class_="front"),
        class_=kind,
    )


def _waiting(report: Report, axis: Axis, hold: HoldTaken) -> Markup | None:
    """How many requests waited at each moment, as exactly as the histogram has it."""
    waits = report.waits
    if waits is None or not waits.count:
        return None
    length_ms = hold.seconds * 1000
    at_least = list(accumulate(reversed(waits.histogram)))[::-1]
    points = [f"M{10 * axis.at(0):.1f} 100"]
    for place in range(len(at_least) - 1, -1, -1):
        began = max(0.0, length_ms - (place + 1) * waits.bin_ms)
        y = 100 - 92 * at_least[place] / waits.count
        end = length_ms - place * waits.bin_ms
        points.append(f"L{10 * axis.at(began):.1f} {y:.1f}L{10 * axis.at(end):.1f} {y:.1f}")
    path = "".join(points) + f"L{10 * axis.at(length_ms):.1f} 100"
    drawn = element(
        "svg",
        element("path", d=f"{path}Z", class_="wait area"),
        element("path", d=path, class_="wait line", vector_effect="non-scaling-stroke"),
        width="100%",
        height=44,
        viewBox="0 0 1000 100",
        preserveAspectRatio="none",
    )
    told = f"{count(waits.count, 'request')} at the end"
    return _row(axis, hold, "requests that wait", told, drawn, kind="waiting")
