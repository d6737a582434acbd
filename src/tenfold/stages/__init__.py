"""The seven stages: one file per stage, each a pure function from a spec to a topology."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tenfold.errors import UsageError
from tenfold.spec.model import AppSpec
from tenfold.stages import stage_1, stage_1k, stage_10, stage_100
from tenfold.stages.facts import AppFacts, Machine
from tenfold.topology.model import Topology

STAGES: Final = ("1", "10", "100", "1k", "10k", "100k", "1m")
BUILT: Final[Mapping[str, Callable[[AppSpec, Machine, AppFacts], Topology]]] = {
    "1": lambda spec, machine, _: stage_1.topology(spec, machine),
    "10": stage_10.topology,
    "100": stage_100.topology,
    "1k": stage_1k.topology,
}


def require_built(stage: str | None) -> None:
    """Refuse stages that this version does not have.

    Raises:
        UsageError: there is no such stage, or not yet.
    """
    if stage is None or stage in BUILT:
        return
    if stage not in STAGES:
        raise UsageError(f"there is no stage {stage!r}; the stages are {', '.join(STAGES)}")
    raise UsageError(
        f"stage {stage} comes with a later version of Tenfold; this one has {', '.join(BUILT)}",
        next="tenfold up",
    )


def topology(stage: str, spec: AppSpec, machine: Machine, facts: AppFacts) -> Topology:
    """The topology of a stage. Raises ``UsageError``, see :func:`require_built`."""
    require_built(stage)
    return BUILT[stage](spec, machine, facts)
