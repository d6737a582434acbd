"""Steps: frozen data, each with its reverse, its sentence and its place in a schema.

What a step does to the world lives in :mod:`tenfold.transitions.perform`, by dispatch. Every step
is idempotent: performing it twice is the same as performing it once.
"""

from __future__ import annotations

from tenfold.transitions.steps.base import Step, Together, at_once
from tenfold.transitions.steps.codec import KINDS, SCHEMA, flatten, from_json, to_json
from tenfold.transitions.steps.journaling import MoveJournal
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
from tenfold.transitions.steps.pages import ComparePages, MakePages, PrunePages, ShowPages
from tenfold.transitions.steps.restoring import BringBeside, Exchange, RemoveBeside
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
from tenfold.transitions.steps.upgrading import BESIDE, EndStandIn, Renew, RenewServer, StandIn
from tenfold.transitions.steps.working import (
    ForgetWorkers,
    RestWorkers,
    StartWorkers,
    StopWorkers,
    WakeWorkers,
)

__all__ = [
    "BESIDE",
    "KINDS",
    "SCHEMA",
    "AwaitLast",
    "BringBeside",
    "BuildRelease",
    "CatchUp",
    "Check",
    "Checkpoint",
    "ComparePages",
    "DiscardGeneration",
    "DropSlot",
    "EndStandIn",
    "EnsureHost",
    "EnsureSlot",
    "Exchange",
    "Fence",
    "Follow",
    "ForgetWorkers",
    "Handover",
    "Hold",
    "KeepFiles",
    "LeaveFiles",
    "MakePages",
    "Migrate",
    "MoveJournal",
    "PrepareDatabase",
    "Promote",
    "PrunePages",
    "PruneReleases",
    "PublishAssets",
    "Release",
    "RemoveBeside",
    "RemoveData",
    "RemoveHost",
    "Renew",
    "RenewServer",
    "RestWorkers",
    "RestartUnit",
    "Settle",
    "ShowPages",
    "StandIn",
    "StartUnit",
    "StartWorkers",
    "Step",
    "StopHost",
    "StopUnit",
    "StopWorkers",
    "Together",
    "TrialStart",
    "Unfence",
    "Verify",
    "WakeWorkers",
    "WarmPool",
    "at_once",
    "flatten",
    "from_json",
    "to_json",
]
