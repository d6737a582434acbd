"""Background workers: started, sent to rest, woken, let go of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenfold.transitions.steps.base import Step


@dataclass(frozen=True, slots=True)
class StartWorkers(Step):
    """Start a generation of a kind of worker; it works from the start."""

    pool: str
    generation: int
    release: str
    count: int

    def sentence(self) -> str:
        workers = "1 worker" if self.count == 1 else f"{self.count} workers"
        return f"start {workers} of {self.pool} with release {self.release}"

    def reverse(self) -> Step:
        return StopWorkers(self.pool, self.generation)


@dataclass(frozen=True, slots=True)
class StopWorkers(Step):
    """Have a generation finish its jobs and end, for good; each is bounded by its own drain."""

    pool: str
    generation: int

    def sentence(self) -> str:
        return f"stop generation {self.generation} of {self.pool}, let it finish its jobs"


@dataclass(frozen=True, slots=True)
class RestWorkers(Step):
    """Have all but one generation finish their jobs and end; kept, so that they can be woken.

    ``but`` is the generation that goes on working, 0 for none. With ``postpone_seconds`` whatever
    comes next is put off for so long at most, and nobody is killed; without, each has its own
    bound and is killed then.
    """

    pool: str
    but: int = 0
    postpone_seconds: float | None = None

    def sentence(self) -> str:
        return f"let {self.pool} finish its jobs and rest"

    def reverse(self) -> Step:
        return WakeWorkers(self.pool, self.but)


@dataclass(frozen=True, slots=True)
class WakeWorkers(Step):
    """Have workers that rest work again: of one ``generation``, 0 for all; not those of ``but``."""

    pool: str
    but: int = 0
    generation: int = 0

    def sentence(self) -> str:
        return f"let {self.pool} work again"


@dataclass(frozen=True, slots=True)
class ForgetWorkers(Step):
    """Let go of all generations but one, which has replaced them."""

    point_of_no_return: ClassVar[bool] = True

    pool: str
    generation: int

    def sentence(self) -> str:
        return f"let go of the workers of {self.pool} from before"
