"""Hosts, units, releases and workers: what bringing up and deploying is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tenfold.transitions.steps.base import Step


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
class KeepFiles(Step):
    """Have a directory outlive releases; what it holds now is copied in, never over anything."""

    directory: str
    files: int
    bytes: int

    def sentence(self) -> str:
        kept = f"keep {self.directory}/ across releases"
        if not self.files:
            return kept
        files = "1 file" if self.files == 1 else f"{self.files:,} files"
        return f"{kept}; copy {files} ({self.bytes:,} bytes) that are in it now, once"

    def reverse(self) -> Step:
        return LeaveFiles(self.directory)


@dataclass(frozen=True, slots=True)
class LeaveFiles(Step):
    """Have the next :class:`KeepFiles` look for files again. What was copied stays."""

    directory: str

    def sentence(self) -> str:
        return f"leave {self.directory}/ to the next attempt, delete nothing"


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
    """Have a warm generation accept on the pool's socket; drain and stop all others.

    User files that the release before wrote into itself until then come along.
    """

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
