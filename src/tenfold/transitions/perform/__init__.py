"""What each step does to the world: one small, idempotent, verified effect per kind of step."""

from __future__ import annotations

from tenfold.transitions.perform import checking, databases, holding, serving
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Releases, Tell, World, one_off
from tenfold.transitions.steps import Step

__all__ = ["Releases", "World", "checking", "databases", "holding", "one_off", "perform", "serving"]


def perform(step: Step, world: World, tell: Tell) -> None:
    """Perform one step.

    Raises:
        TenfoldError: it failed; its text says what was and was not changed.
    """
    effect(step, world, tell)
