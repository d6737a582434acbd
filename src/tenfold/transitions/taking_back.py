"""What the journal says of a switch that nobody finished, for whoever takes over. Pure.

A follower is asked to lead behind a durable intention. So a journal without one, since the leader
was fenced, says that nobody was asked; and once whoever takes over has begun, with an epoch of its
own, the journal takes no intention of the one before. Then the fenced leader may lead again without
a word from the other side: there is no acknowledged write that it lacks, nor can there be one.

A journal that was put back from a copy says nothing of the kind about what came before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tenfold.transitions.journal import PUT_BACK, Journal, Record
from tenfold.transitions.steps import Step, flatten, from_json
from tenfold.transitions.steps.codec import KINDS
from tenfold.transitions.steps.moving import Fence, Hold, Unfence

MOST: Final = 100
"""So many transitions are looked through."""
_HARMLESS: Final = frozenset({"moving", "serving", "working", "journaling", "pages"})
"""Where the steps are by which, but for points of no return, nobody comes to lead."""


def reliable(journal: Journal) -> tuple[Record, ...]:
    """The newest transitions, the last one first, behind which nothing can be missing.

    None from before the journal was put back from a copy: it lacks what hosts did since the copy.

    Raises:
        JournalError: it cannot be read.
    """
    last_copied = journal.facts().get(PUT_BACK, 0)
    return tuple(record for record in journal.history(MOST) if record.id > last_copied)


def was_asked(history: Iterable[Record], fenced: str) -> bool:
    """Whether anybody may have been asked to lead since this database was fenced last.

    Args:
        history: as :func:`reliable` gives it.
        fenced: the path of the database, as its fence has it.

    Returns:
        ``True`` also where no fence of it is known.
    """
    for record in history:
        for _, step in _intended(record):
            if step.get("step") == Fence.__name__ and step.get("unit") == fenced:
                return False
            if _may_make_lead(step, record):
                return True
    return True


def left(history: Iterable[Record]) -> tuple[Step, ...]:
    """What is left to be taken back of a switch in which nobody was asked to lead, in order.

    Only what users wait for: that who was fenced leads, and that who was held accepts. Empty where
    somebody may have been asked, and where nothing is left.
    """
    unfenced: set[str] = set()
    for record in history:
        back: list[Step] = []
        for position, step in _intended(record):
            if _may_make_lead(step, record):
                return ()
            kind, unit = step.get("step"), str(step.get("unit"))
            if kind == Unfence.__name__ and position in record.done:
                unfenced.add(unit)
            elif kind == Fence.__name__ and (unit in unfenced or record.outcome == "backed-out"):
                return ()
            elif kind in (Fence.__name__, Hold.__name__):
                reverse = from_json(dict(step)).reverse()
                back += () if reverse is None else (reverse,)
        if any(isinstance(step, Unfence) for step in back):
            return flatten(tuple(back))
    return ()


def _may_make_lead(step: Mapping[str, Any], record: Record) -> bool:
    """Whether somebody may lead by this step that did not before.

    What was taken back in order had no point of no return behind it: see the runner.
    """
    if record.outcome == "backed-out":
        return False
    kind = KINDS.get(str(step.get("step")))
    if kind is None or kind.point_of_no_return:
        return True
    return kind.__module__.rpartition(".")[2] not in _HARMLESS


def _intended(record: Record) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The steps that were begun, or were about to be, with their positions; the last one first."""
    if record.position is None:
        return
    for position in range(record.position, -1, -1):
        for step in _flat(record.steps[position]):
            yield position, step


def _flat(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if step.get("step") != "Together":
        yield step
        return
    for one in reversed(step["steps"]):
        yield from _flat(one)
