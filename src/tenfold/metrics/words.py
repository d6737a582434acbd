"""Figures as people read them. Pure."""

from __future__ import annotations


def size(size_bytes: int) -> str:
    """Bytes in units of 1000, to three digits."""
    value = float(size_bytes)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 999.5 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.3g} {unit}"
