"""Steps as plain data and back, with the version of their schema."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from tenfold.errors import JournalError
from tenfold.transitions.steps import (
    cluster,
    journaling,
    moving,
    pages,
    restoring,
    serving,
    upgrading,
    working,
)
from tenfold.transitions.steps.base import Step, Together

SCHEMA = 1

KINDS: dict[str, type[Step]] = {
    kind.__name__: kind
    for module in (serving, pages, moving, working, restoring, upgrading, journaling, cluster)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Step) and kind is not Step
} | {Together.__name__: Together}


def flatten(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps with every :class:`Together` taken apart."""
    flat: list[Step] = []
    for step in steps:
        flat.extend(flatten(step.steps) if isinstance(step, Together) else (step,))
    return tuple(flat)


def to_json(step: Step) -> dict[str, Any]:
    """A step as plain data, with its kind and schema version."""
    if isinstance(step, Together):
        body: dict[str, Any] = {"steps": [to_json(s) for s in step.steps]}
    else:
        body = asdict(step)
    return {"step": type(step).__name__, "schema": SCHEMA, **body}


def from_json(data: dict[str, Any]) -> Step:
    """Read what :func:`to_json` wrote.

    Raises:
        JournalError: of a kind or a schema that this version of Tenfold does not know.
    """
    kind = KINDS.get(str(data.get("step")))
    if kind is None or data.get("schema") != SCHEMA:
        raise JournalError(
            f"the journal has a step {data.get('step')!r} of schema {data.get('schema')},"
            f" this Tenfold knows schema {SCHEMA}",
            next="finish it with the version of Tenfold that began it",
        )
    if kind is Together:
        return Together(tuple(from_json(s) for s in data["steps"]))
    # What a version before did not know has its default.
    return kind(**{f.name: _frozen(data[f.name]) for f in fields(kind) if f.name in data})


def _frozen(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value
