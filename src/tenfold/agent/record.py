"""What an agent remembers of a unit, so that its successor can go on with it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tenfold.agent.bound import Bound
from tenfold.agent.identity import Identity
from tenfold.agent.wire import from_wire, to_wire
from tenfold.topology.process import UnitOrder

FOLDER = "units"


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One unit: its declaration, its process if it has one, and where in its life it is.

    ``phase`` tells what ``process`` is: the unit itself, or one of its preparing commands.
    ``accepting`` is the order, not the observation: a crashed member that has it accepts again.
    ``stale`` says that ``process`` still runs an older declaration and has to be ended first.
    ``drain_until`` (seconds since the epoch) is set from the moment on when the unit is to leave;
    what counts is ``leaves_by``, which a record of an older agent does not have.
    ``resting`` says that it is not to run for now, until ``rest_bound`` at most if there is one.
    ``told`` is the nonce of the process that has been told to finish and end, which must not be
    told twice: a second signal cuts jobs off.
    ``spared`` is a server that outlives its unit's process: whoever is that now looks after it.
    ``build`` tells the file that ``process`` executes from one that takes its place later, see
    :func:`tenfold.agent.builds.build_of`; ``builds`` the same of what it looks after, by path.
    ``superseded`` says that ``process`` was started with another launch than ``order`` has, and
    lasts.
    """

    order: UnitOrder
    process: Identity | None = None
    phase: Literal["run", "prepare"] = "run"
    ready: bool = False
    ever_ready: bool = False
    stale: bool = False
    accepting: bool = False
    drain_until: float | None = None
    leaves_by: Bound | None = None
    resting: bool = False
    rest_bound: Bound | None = None
    told: str | None = None
    restarts: int = 0
    build: str | None = None
    builds: Mapping[str, str] = field(default_factory=dict)
    superseded: bool = False
    spared: Identity | None = None

    @property
    def leaving(self) -> bool:
        """Whether it is to finish its requests and end."""
        return self.drain_until is not None

    def drain_seconds(self) -> float:
        """How long it may still take to finish them; never longer than its declaration says."""
        if self.leaves_by is not None:
            return self.leaves_by.left_seconds()
        left = 0.0 if self.drain_until is None else self.drain_until - time.time()
        return min(left, self.order.launch.stop.within_seconds)

    def to_json(self) -> dict[str, Any]:
        """As data; secrets in the clear."""
        data: dict[str, Any] = to_wire(self)
        return data


def from_json(data: dict[str, Any]) -> UnitRecord:
    """What :meth:`UnitRecord.to_json` gave. Raises ``ValueError``."""
    return from_wire(UnitRecord, data)
