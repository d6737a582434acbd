"""What is told while a step is performed, beyond plain text."""

from __future__ import annotations


class Lasting(str):
    """Something told on the way that stays on the screen."""

    __slots__ = ()
