"""Copies of a database that a move made and nobody has compared with their leader yet: a fact.

It is there before the copy is begun, so that whoever is killed at any moment leaves either no copy
or one that the next plan compares.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenfold.transitions.journal import Journal

FACT: Final = "copies_not_compared"


def not_compared(facts: Mapping[str, Any]) -> frozenset[str]:
    """The paths of those, by the journal's facts."""
    return frozenset(facts.get(FACT, ()))


def with_copy(journal: Journal, path: str) -> None:
    """A copy is about to be made there."""
    _set(journal, not_compared(journal.facts()) | {path})


def without_copy(journal: Journal, path: str) -> None:
    """The one there was compared, or removed."""
    known = not_compared(journal.facts())
    if path in known:
        _set(journal, known - {path})


def without_copies_on(journal: Journal, host: str) -> None:
    """That host is gone, with all that was there."""
    known = not_compared(journal.facts())
    left = frozenset(path for path in known if not path.startswith(f"{host}/"))
    if left != known:
        _set(journal, left)


def _set(journal: Journal, paths: frozenset[str]) -> None:
    journal.set(FACT, sorted(paths))
