"""What each step does to the world: one small, idempotent, verified effect per kind of step."""

from __future__ import annotations

import psycopg

from tenfold.errors import StepFailed
from tenfold.transitions.perform import (
    checking,
    cluster,
    databases,
    holding,
    journaling,
    pages,
    restoring,
    serving,
    upgrading,
    working,
)
from tenfold.transitions.perform.dispatch import effect
from tenfold.transitions.perform.world import Pages, Releases, Tell, World, one_off
from tenfold.transitions.steps import Step

__all__ = [
    "Pages",
    "Releases",
    "World",
    "checking",
    "cluster",
    "databases",
    "holding",
    "journaling",
    "one_off",
    "pages",
    "perform",
    "restoring",
    "serving",
    "upgrading",
    "working",
]


def perform(step: Step, world: World, tell: Tell) -> None:
    """Perform one step.

    Raises:
        TenfoldError: it failed; its text says what was and was not changed.
    """
    try:
        effect(step, world, tell)
    except psycopg.Error as error:
        raise StepFailed(
            f"PostgreSQL broke off when it was to {step.sentence()}",
            next="tenfold logs   shows what it says;  tenfold resume   tries again",
            detail=error.diag.message_primary or str(error).strip(),
        ) from error
