"""Why something could not be put away or brought back."""

from __future__ import annotations

from typing import Literal

Kind = Literal["unreachable", "refused", "full", "conflict", "damaged", "missing", "own"]
"""Whose fault it is: the place does not answer; it knows us not, or lets us not; it has no room;
somebody else's data has that name; what is there is not what was put there; nothing is there;
something on this host."""


class Fault(Exception):
    """It failed.

    Args:
        kind: whose fault it was.
        what: what happened, in a sentence, without secrets.
        next: what a person can do.
    """

    def __init__(self, kind: Kind, what: str, next: str = "") -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.what = what
        self.next = next
