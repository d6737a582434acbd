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
class Check(Step):
    """See that nothing stands in the way of ``follower`` taking over from ``leader``."""

    leader: str
    follower: str

    def sentence(self) -> str:
        return f"check that {self.follower} can take over from {self.leader}"


@dataclass(frozen=True, slots=True)
class EnsureSlot(Step):
    """Have ``leader`` keep its log for the data directory of this node until that has it."""

    leader: str
    node: int

    def sentence(self) -> str:
        return f"have {self.leader} keep its log for node {self.node}"


@dataclass(frozen=True, slots=True)
class DropSlot(Step):
    """Have ``leader`` keep no log for this node any more."""

    leader: str
    node: int

    def sentence(self) -> str:
        return f"have {self.leader} forget node {self.node}"


@dataclass(frozen=True, slots=True)
class CatchUp(Step):
    """Wait until a follower streams and is as good as level with its leader."""

    follower: str
    leader: str
    max_seconds: float

    def sentence(self) -> str:
        return f"wait until {self.follower} has caught up with {self.leader}"


@dataclass(frozen=True, slots=True)
class Verify(Step):
    """Compare a follower with its leader: identity, schema, row counts, every page's checksum."""

    follower: str
    leader: str

    def sentence(self) -> str:
        return f"compare {self.follower} with {self.leader}: schema, rows, checksums"


@dataclass(frozen=True, slots=True)
class TrialStart(Step):
    """Start one worker on the follower and stop it again.

    Whether it can is found out long before the switch: an app that writes when it starts cannot,
    and has its workers started while requests wait.
    """

    pool: str
    follower: str
    release: str

    def sentence(self) -> str:
        return f"try whether {self.pool} starts on {self.follower}"


@dataclass(frozen=True, slots=True)
class Checkpoint(Step):
    """Have databases write out what is dirty, so that a stop does not have to."""

    units: tuple[str, ...]

    def sentence(self) -> str:
        return f"write a checkpoint on {' and '.join(self.units)}"


@dataclass(frozen=True, slots=True)
class Settle(Step):
    """Have a pool's connections end with their next answer: none is idle when the hold comes."""

    pool: str
    within_seconds: float

    def sentence(self) -> str:
        return f"let idle connections to {self.pool} run out"

    def reverse(self) -> Step:
        return Release(self.pool)


@dataclass(frozen=True, slots=True)
class Hold(Step):
    """Let requests wait in front of a pool, and what it has in hand end.

    ``max_seconds`` bounds the wait of a request; the step postpones itself, for at most
    ``postpone_seconds``, while a request runs that takes too long for that.
    """

    pool: str
    max_seconds: float
    postpone_seconds: float

    def sentence(self) -> str:
        return f"let requests wait in front of {self.pool}, finish those in hand"

    def reverse(self) -> Step:
        return Release(self.pool)


@dataclass(frozen=True, slots=True)
class Release(Step):
    """Have the workers that were held accept again."""

    pool: str

    def sentence(self) -> str:
        return f"let {self.pool} accept again"


@dataclass(frozen=True, slots=True)
class Fence(Step):
    """Make a leader unable to accept a write, whoever asks and whatever restarts: durably."""

    unit: str
    successor: str

    def sentence(self) -> str:
        return f"fence {self.unit}: it accepts no write any more"

    def reverse(self) -> Step:
        return Unfence(self.unit, self.successor)


@dataclass(frozen=True, slots=True)
class Unfence(Step):
    """Have a fenced leader lead again; refused unless its successor verifiably does not."""

    unit: str
    successor: str

    def sentence(self) -> str:
        return f"let {self.unit} lead again"


@dataclass(frozen=True, slots=True)
class AwaitLast(Step):
    """Wait until the follower has all that the fenced leader wrote, its last record included."""

    follower: str
    fenced: str

    def sentence(self) -> str:
        return f"see that {self.follower} has everything that {self.fenced} wrote"


@dataclass(frozen=True, slots=True)
class Promote(Step):
    """Have a follower lead. Its former leader is fenced, which is verified first."""

    point_of_no_return: ClassVar[bool] = True

    unit: str
    fenced: str

    def sentence(self) -> str:
        return f"let {self.unit} lead"


@dataclass(frozen=True, slots=True)
class Follow(Step):
    """Have a fenced former leader follow its successor: the way back."""

    unit: str
    leader: str

    def sentence(self) -> str:
        return f"let {self.unit} follow {self.leader}"


@dataclass(frozen=True, slots=True)
class RemoveData(Step):
    """Delete the data of a unit that is stopped. There is no way back."""

    unit: str

    def sentence(self) -> str:
        return f"delete the data of {self.unit}"


@dataclass(frozen=True, slots=True)
class RemoveHost(Step):
    """Delete a host that is stopped, with all its data. There is no way back."""

    host: str

    def sentence(self) -> str:
        return f"remove host {self.host} with its data"


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
        Check,
        EnsureSlot,
        DropSlot,
        CatchUp,
        Verify,
        TrialStart,
        Checkpoint,
        Settle,
        Hold,
        Release,
        Fence,
        Unfence,
        AwaitLast,
        Promote,
        Follow,
        RemoveData,
        RemoveHost,
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
    return kind(**{f.name: _frozen(data[f.name]) for f in fields(kind)})


def _frozen(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value
