"""Steps: frozen data, each with its reverse, its sentence and its place in a schema.

What a step does to the world lives in :mod:`tenfold.transitions.perform`, by dispatch. Every step
is idempotent: performing it twice is the same as performing it once.
"""

from __future__ import annotations

from tenfold.transitions.steps.base import Step, Together
from tenfold.transitions.steps.codec import KINDS, SCHEMA, flatten, from_json, to_json
from tenfold.transitions.steps.moving import (
    AwaitLast,
    CatchUp,
    Check,
    Checkpoint,
    DropSlot,
    EnsureSlot,
    Fence,
    Follow,
    Hold,
    Promote,
    Release,
    RemoveData,
    RemoveHost,
    Settle,
    TrialStart,
    Unfence,
    Verify,
)
from tenfold.transitions.steps.serving import (
    BuildRelease,
    DiscardGeneration,
    EnsureHost,
    Handover,
    KeepFiles,
    LeaveFiles,
    Migrate,
    PrepareDatabase,
    PruneReleases,
    PublishAssets,
    RestartUnit,
    StartUnit,
    StopHost,
    StopUnit,
    WarmPool,
)

__all__ = [
    "KINDS",
    "SCHEMA",
    "AwaitLast",
    "BuildRelease",
    "CatchUp",
    "Check",
    "Checkpoint",
    "DiscardGeneration",
    "DropSlot",
    "EnsureHost",
    "EnsureSlot",
    "Fence",
    "Follow",
    "Handover",
    "Hold",
    "KeepFiles",
    "LeaveFiles",
    "Migrate",
    "PrepareDatabase",
    "Promote",
    "PruneReleases",
    "PublishAssets",
    "Release",
    "RemoveData",
    "RemoveHost",
    "RestartUnit",
    "Settle",
    "StartUnit",
    "Step",
    "StopHost",
    "StopUnit",
    "Together",
    "TrialStart",
    "Unfence",
    "Verify",
    "WarmPool",
    "flatten",
    "from_json",
    "to_json",
]
