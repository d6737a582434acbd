"""From the kind of a step to its effect; each module of effects registers its own."""

from __future__ import annotations

from functools import singledispatch

from tenfold.transitions.perform.world import Tell, World
from tenfold.transitions.steps import Step


@singledispatch
def effect(step: Step, world: World, tell: Tell) -> None:
    """Perform one step; see :func:`tenfold.transitions.perform.perform`."""
    raise NotImplementedError(type(step).__name__)
