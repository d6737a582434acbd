"""How long those who waited did: one bar for every few milliseconds, and the longest. Pure."""

from __future__ import annotations

from tenfold.observe.report import axes
from tenfold.observe.report.axes import Axis, labels
from tenfold.observe.report.figures import count, milliseconds
from tenfold.observe.report.markup import Markup, element, joined
from tenfold.observe.report.model import Waits

_TOP, _HEIGHT, _AXIS = 40, 150, 22
_MOST_FIGURES = 20


def histogram(waits: Waits) -> Markup:
    """The waits, shortest to the left."""
    bins = max(len(waits.histogram), 1)
    axis = Axis(0.0, bins * waits.bin_ms)
    bottom = _TOP + _HEIGHT
    return element(
        "svg",
        element("title", "How long requests waited"),
        element("desc", _described(waits)),
        *(_bin(waits, axis, place) for place in range(len(waits.histogram))),
        element("line", x1=0, x2="100%", y1=bottom, y2=bottom, class_="base"),
        _longest(waits, axis, bottom),
        labels(axis, bottom + 16, axes.milliseconds),
        role="img",
        width="100%",
        height=bottom + _AXIS,
        class_="plot",
    )


def _bin(waits: Waits, axis: Axis, place: int) -> Markup | None:
    number = waits.histogram[place]
    if not number:
        return None
    left, right = axis.at(place * waits.bin_ms), axis.at((place + 1) * waits.bin_ms)
    height = max(2.0, _HEIGHT * number / max(waits.histogram))
    y = round(_TOP + _HEIGHT - height, 1)
    told = (
        f"{milliseconds(place * waits.bin_ms)} to {milliseconds((place + 1) * waits.bin_ms)}:"
        f" {count(number, 'request')}"
    )
    return joined(
        element(
            "rect",
            element("title", told),
            x=f"{left}%",
            y=y,
            width=f"{right - left:.3f}%",
            height=round(height, 1),
            style=f"width:calc({right - left:.3f}% - 2px)",
            class_="wait",
        ),
        element(
            "text",
            f"{number:,}",
            x=f"{(left + right) / 2:.3f}%",
            y=y - 5,
            text_anchor="middle",
            class_="tick",
        ),
    )


def _longest(waits: Waits, axis: Axis, bottom: int) -> Markup:
    place = axis.at(waits.longest_ms)
    label = f"longest {milliseconds(waits.longest_ms)}"
    return joined(
        element("line", x1=f"{place}%", x2=f"{place}%", y1=16, y2=bottom, class_="longest"),
        element(
            "text",
            label,
            x=f"{place}%",
            y=11,
            text_anchor="end" if place > 50 else "start",
            class_="mark",
        ),
    )


def _described(waits: Waits) -> str:
    return "; ".join(
        f"{place * waits.bin_ms:g} to {(place + 1) * waits.bin_ms:g} ms: {number}"
        for place, number in enumerate(waits.histogram)
        if number
    )
