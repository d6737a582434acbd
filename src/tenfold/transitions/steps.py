"""Steps: frozen data, each with its reverse, its sentence and its place in a schema.

What a step does to the world lives in :mod:`tenfold.transitions.perform`, by dispatch. Every step
is idempotent: performing it twice is the same as performing it once.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

from tenfold.errors import JournalError

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Step:
    """One small change. ``point_of_no_return``: once begun, the plan is finished forward."""

    point_of_no_return: ClassVar[bool] = False

    def sentence(self) -> str:
        """What the step does, for people; present tense, no full stop."""
        raise NotImplementedError

    def reverse(self) -> Step | None:
        """The step that takes this one back; ``None`` where there is nothing to take back."""
        return None


@dataclass(frozen=True, slots=True)
class EnsureHost(Step):
    """Have the host's agent run."""

    host: str

    def sentence(self) -> str:
        return f"start host {self.host}"

    def reverse(self) -> Step:
        return StopHost(self.host)


@dataclass(frozen=True, slots=True)
class StopHost(Step):
    """Stop all units of a host in reverse order, then its agent. Its data stays."""

    host: str

    def sentence(self) -> str:
        return f"stop host {self.host}, keep its data"


@dataclass(frozen=True, slots=True)
class BuildRelease(Step):
    """Make the immutable directory and environment of a release."""

    release: str

    def sentence(self) -> str:
        return f"build release {self.release}"


@dataclass(frozen=True, slots=True)
class StartUnit(Step):
    """Render a unit's files, start it (or restart it where its launch changed), await readiness."""

    unit: str

    def sentence(self) -> str:
        return f"start {self.unit}"

    def reverse(self) -> Step:
        return StopUnit(self.unit)


@dataclass(frozen=True, slots=True)
class RestartUnit(Step):
    """Like :class:`StartUnit`, for a unit that runs already, so that nothing takes it back."""

    unit: str

    def sentence(self) -> str:
        return f"have {self.unit} take its new configuration"


@dataclass(frozen=True, slots=True)
class StopUnit(Step):
    """Stop a unit in order. Its data stays."""

    unit: str

    def sentence(self) -> str:
        return f"stop {self.unit}"


@dataclass(frozen=True, slots=True)
class PrepareDatabase(Step):
    """Have roles, database, grants and extensions as the settings say."""

    unit: str
    digest: str

    def sentence(self) -> str:
        return f"prepare roles and database on {self.unit}"


@dataclass(frozen=True, slots=True)
class Migrate(Step):
    """Run a release's migrations, once. The schema never rolls back."""

    release: str
    command: str

    def sentence(self) -> str:
        return f"migrate for release {self.release}: {self.command}"


@dataclass(frozen=True, slots=True)
class WarmPool(Step):
    """Start a new generation of a pool beside the old one: imported, healthy, not accepting."""

    pool: str
    generation: int
    release: str
    count: int

    def sentence(self) -> str:
        workers = "1 unit" if self.count == 1 else f"{self.count} units"
        return f"warm {workers} of {self.pool} with release {self.release}"

    def reverse(self) -> Step:
        return DiscardGeneration(self.pool, self.generation)


@dataclass(frozen=True, slots=True)
class DiscardGeneration(Step):
    """Stop the units of a generation that never accepted."""

    pool: str
    generation: int

    def sentence(self) -> str:
        return f"stop generation {self.generation} of {self.pool}, which never served"


@dataclass(frozen=True, slots=True)
class PublishAssets(Step):
    """Have the edge serve this release's static files, and ``previous``'s where it has none."""

    release: str
    previous: str | None = None

    def sentence(self) -> str:
        return f"publish the static files of release {self.release}"

    def reverse(self) -> Step | None:
        return PublishAssets(self.previous) if self.previous else None


@dataclass(frozen=True, slots=True)
class Handover(Step):
    """Have a warm generation accept on the pool's socket; drain and stop all others."""

    point_of_no_return: ClassVar[bool] = True

    pool: str
    generation: int
    release: str

    def sentence(self) -> str:
        return f"hand {self.pool} over to release {self.release}"


@dataclass(frozen=True, slots=True)
class PruneReleases(Step):
    """Remove releases and environments that nothing can return to any more."""

    keep: int

    def sentence(self) -> str:
        return f"remove releases older than the last {self.keep}"


@dataclass(frozen=True, slots=True)
class Together(Step):
    """Steps that do not need one another, carried out at the same time."""

    steps: tuple[Step, ...]

    def sentence(self) -> str:
        return "; ".join(step.sentence() for step in self.steps)

    def reverse(self) -> Step | None:
        backwards = tuple(r for s in reversed(self.steps) if (r := s.reverse()) is not None)
        return Together(backwards) if backwards else None


_KINDS: dict[str, type[Step]] = {
    kind.__name__: kind
    for kind in (
        EnsureHost,
        StopHost,
        BuildRelease,
        StartUnit,
        RestartUnit,
        StopUnit,
        PrepareDatabase,
        Migrate,
        WarmPool,
        DiscardGeneration,
        PublishAssets,
        Handover,
        PruneReleases,
        Together,
    )
}


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
    kind = _KINDS.get(str(data.get("step")))
    if kind is None or data.get("schema") != SCHEMA:
        raise JournalError(
            f"the journal has a step {data.get('step')!r} of schema {data.get('schema')},"
            f" this Tenfold knows schema {SCHEMA}",
            next="finish it with the version of Tenfold that began it",
        )
    if kind is Together:
        return Together(tuple(from_json(s) for s in data["steps"]))
    return kind(**{f.name: data[f.name] for f in fields(kind)})
