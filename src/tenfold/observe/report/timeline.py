"""The whole transition over time: steps by phase, the hold, requests and the slowest of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.observe.report.axes import Axis, anchor, bar, grid, labels
from tenfold.observe.report.figures import clock, count, duration, milliseconds
from tenfold.observe.report.markup import Markup, element, joined
from tenfold.observe.report.model import HoldTaken, Phase, Report, Slice, StepTaken, phase
from tenfold.observe.report.words import held_seconds

PHASES: Final[tuple[Phase, ...]] = ("prepare", "switch", "after")
_MARK, _LANE, _PANEL, _AXIS = 20, 32, 92, 22
_TOP_OF_PANEL = 24


def timeline(report: Report) -> Markup:
    """One drawing, as wide as there is room."""
    axis = Axis(0.0, max(report.seconds, 1e-3))
    lanes = [p for p in PHASES if _steps(report, p)]
    panels = list(_panels(report, axis))
    bottom = _MARK + _LANE * len(lanes) + _PANEL * len(panels)
    drawn = [_lane(report, axis, name, place) for place, name in enumerate(lanes)]
    for place, panel in enumerate(panels):
        y = _MARK + _LANE * len(lanes) + _PANEL * place
        drawn.append(element("svg", panel, x=0, y=y, width="100%", height=_PANEL))
    return element(
        "svg",
        element("title", "The transition over time"),
        element("desc", _described(report)),
        grid(axis, str(bottom)),
        *(_band(report, axis, hold, bottom) for hold in report.holds),
        _gap(report, axis, bottom),
        *drawn,
        _hovered(report, axis, bottom) if panels else None,
        labels(axis, bottom + 16, _tick),
        role="img",
        width="100%",
        height=bottom + _AXIS,
        class_="plot",
    )


def _tick(seconds: float) -> str:
    """In minutes where they are round ones."""
    if not seconds:
        return "0"
    return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds:g} s"


def _steps(report: Report, name: Phase) -> list[StepTaken]:
    return [step for step in report.steps if phase(step, report.holds) == name]


def _lane(report: Report, axis: Axis, name: Phase, place: int) -> Markup:
    steps = _steps(report, name)
    y = _MARK + _LANE * place
    number = count(len(steps), "step")
    label = f"{name}, {number}" if report.holds else number
    bars = (_step(report, axis, step, name, y + 16) for step in steps)
    return joined(
        element("text", label, x=0, y=y + 11, class_="label"),
        *bars,
    )


def _step(report: Report, axis: Axis, step: StepTaken, name: Phase, y: int) -> Markup:
    began = step.began - report.began
    return bar(
        axis,
        began,
        began + step.seconds,
        told=f"{step.sentence}: {duration(step.seconds)}",
        y=y,
        height=9,
        class_="bad" if step.error else name,
    )


def _band(report: Report, axis: Axis, hold: HoldTaken, bottom: int) -> Markup:
    began = hold.began - report.began
    place = axis.at(began)
    told = f"requests held, {duration(hold.seconds)}"
    shown = hold.seconds == held_seconds(report)
    return joined(
        bar(
            axis, began, began + hold.seconds, y=_MARK - 4, height=bottom - _MARK + 4, class_="band"
        ),
        element(
            "text",
            told,
            x=f"{place}%",
            y=11,
            text_anchor="end" if place > 70 else anchor(place),
            class_="mark",
        )
        if shown
        else None,
    )


def _gap(report: Report, axis: Axis, bottom: int) -> Markup | None:
    """The time without an acknowledged write, of a drill."""
    told = report.drill or {}
    if told.get("gap_began") is None:
        return None
    began = told["gap_began"] - report.began
    seconds, place = told["gap_seconds"], axis.at(began)
    return joined(
        bar(axis, began, began + seconds, y=_MARK - 4, height=bottom - _MARK + 4, class_="band"),
        element(
            "text",
            f"no write acknowledged, {duration(seconds)}",
            x=f"{place}%",
            y=11,
            text_anchor="end" if place > 70 else anchor(place),
            class_="mark",
        ),
    )


def _panels(report: Report, axis: Axis) -> Iterator[Markup]:
    waits = report.waits
    if waits is None or not waits.requests:
        return
    rates = list(_rates(report))
    if not rates:
        return
    top = max((rate for _, _, rate in rates), default=0.0)
    yield _panel(axis, f"requests per second, at most {top:,.0f}", rates, top, "rate")
    slow = [(began, end, one.slowest_ms) for began, end, one in slices(report)]
    top = max((value for _, _, value in slow), default=0.0)
    yield _panel(axis, f"slowest request, at most {milliseconds(top)}", slow, top, "slow")


def _panel(
    axis: Axis, label: str, values: list[tuple[float, float, float]], top: float, kind: str
) -> Markup:
    """A stepped area over slices, under its label; it begins at zero."""
    height = _PANEL - _TOP_OF_PANEL - 8
    points = " ".join(
        f"{axis.at(moment) * 10:.1f} {100 - (100 * value / top if top else 0):.1f}"
        for began, end, value in values
        for moment in (began, end)
    )
    first, last = axis.at(values[0][0]) * 10, axis.at(values[-1][1]) * 10
    drawn = element(
        "svg",
        element("path", d=f"M{first:.1f} 100L{points}L{last:.1f} 100Z", class_=f"{kind} area"),
        element("path", d=f"M{points}", class_=f"{kind} line", vector_effect="non-scaling-stroke"),
        x=0,
        y=_TOP_OF_PANEL,
        width="100%",
        height=height,
        viewBox="0 0 1000 100",
        preserveAspectRatio="none",
    )
    base = _TOP_OF_PANEL + height
    return joined(
        drawn,
        element("line", x1=0, x2="100%", y1=base, y2=base, class_="base"),
        element("text", label, x=0, y=16, class_="label"),
    )


def slices(report: Report) -> Iterator[tuple[float, float, Slice]]:
    """Begin and end of every slice, in seconds since the transition began.

    Of what is older than the log that was read nothing is known, which is not the same as nothing.
    """
    waits = report.waits
    if waits is None or waits.since is None:
        return
    known = waits.since - report.began
    last = waits.until - report.began
    for place, one in enumerate(waits.timeline):
        began = place * waits.slice_seconds
        if began < known and known > 0:
            continue
        yield began, min(began + waits.slice_seconds, last), one


def _rates(report: Report) -> Iterator[tuple[float, float, float]]:
    """Requests per second; the last slice may be too short to say."""
    assert report.waits is not None
    least = report.waits.slice_seconds / 4
    for began, end, one in slices(report):
        if end - began >= least:
            yield began, end, one.requests / (end - began)


def _hovered(report: Report, axis: Axis, bottom: int) -> Markup:
    """What a pointer reads in each slice; failures are marked for everybody."""
    top = bottom - 2 * _PANEL
    found = []
    for began, end, one in slices(report):
        told = (
            f"{clock(report.began + began)}: {count(one.requests, 'request')},"
            f" {one.failed:,} failed, slowest {milliseconds(one.slowest_ms)}"
        )
        if one.failed:
            found.append(bar(axis, began, end, y=top + _PANEL - 6, height=6, class_="bad"))
        found.append(
            bar(axis, began, end, told=told, y=top, height=2 * _PANEL, class_="hover", whole=True)
        )
    return joined(*found)


def _described(report: Report) -> str:
    parts = [
        f"{name}: " + "; ".join(f"{s.sentence}, {duration(s.seconds)}" for s in steps)
        for name in PHASES
        if (steps := _steps(report, name))
    ]
    return ". ".join(parts)
