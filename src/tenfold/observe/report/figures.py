"""Figures as people read them. Pure."""

from __future__ import annotations

from datetime import datetime

from tenfold.metrics.words import size as size


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 table``, ``1,234 tables``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def milliseconds(ms: float) -> str:
    """A short time, to the millisecond; below ten of them to a tenth."""
    if ms >= 10_000:
        return duration(ms / 1000)
    return f"{ms:,.0f} ms" if ms >= 9.95 or ms == 0 else f"{ms:.1f} ms"


def duration(seconds: float) -> str:
    """A time of any length."""
    if seconds < 0.9995:
        return milliseconds(seconds * 1000)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def moment(epoch: float) -> str:
    """A local date and time, with the zone's offset."""
    return datetime.fromtimestamp(epoch).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def clock(epoch: float) -> str:
    """A local time of day."""
    return datetime.fromtimestamp(epoch).strftime("%H:%M:%S")
