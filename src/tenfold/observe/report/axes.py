"""Where things lie on an axis that is as wide as the page lets it. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenfold.observe.report.markup import Markup, element, joined
from tenfold.observe.report.waits import width

MOST_TICKS = 5


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``start`` to ``end``, in whatever unit; places are percentages."""

    start: float
    end: float

    def at(self, value: float) -> float:
        """The place of a value, from 0 to 100; what lies outside is at the edge."""
        span = self.end - self.start
        share = (value - self.start) / span if span > 0 else 0.0
        return round(100 * min(1.0, max(0.0, share)), 3)

    def ticks(self) -> list[float]:
        """Round values within the axis, not too many."""
        step = width(self.end - self.start, MOST_TICKS, least=1e-3)
        first = -(-self.start // step)
        count = int((self.end - first * step) // step) + 1
        return [round((first + place) * step, 6) for place in range(count)]


def grid(axis: Axis, height: str = "100%") -> Markup:
    """A thin line at every tick."""
    return joined(
        *(
            element("line", x1=f"{x}%", x2=f"{x}%", y1=0, y2=height, class_="grid")
            for x in map(axis.at, axis.ticks())
        )
    )


def labels(axis: Axis, y: int, told: Callable[[float], str]) -> Markup:
    """What the ticks say."""
    return joined(
        *(
            element(
                "text",
                told(value),
                x=f"{axis.at(value)}%",
                y=y,
                text_anchor=anchor(axis.at(value)),
                class_="tick",
            )
            for value in axis.ticks()
        )
    )


def milliseconds(value: float) -> str:
    """How a tick reads: in seconds from one on."""
    if abs(value) >= 1000:
        return f"{value / 1000:g} s"
    return f"{value:g} ms" if value else "0"


def anchor(place: float) -> str:
    """How a text is to lie at a place so that it stays within the plot."""
    if place < 6:
        return "start"
    return "end" if place > 94 else "middle"


def bar(
    axis: Axis,
    start: float,
    end: float,
    *,
    told: str | None = None,
    whole: bool = False,
    **attributes: object,
) -> Markup:
    """A horizontal bar, never too thin to be seen; ``told`` to whoever points at it.

    It leaves a pixel to the next one, but for a ``whole`` one.
    """
    left, right = axis.at(start), axis.at(end)
    span = round(right - left, 3)
    return element(
        "rect",
        None if told is None else element("title", told),
        x=f"{min(left, 99.7)}%",
        width=f"{span}%",
        style=f"width:max(2px,calc({span}% - {0 if whole else 1}px))",
        **attributes,
    )
