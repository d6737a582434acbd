"""Releases that are kept: which there are, which served when, which may go."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tenfold.errors import Refused, ReleaseError
from tenfold.release import environment, files, scratch
from tenfold.release.record import FILE_NAME, Release, from_json
from tenfold.release.running import Runner

# How many changes of the serving release are remembered.
_HISTORY = 1000


@dataclass(frozen=True, slots=True)
class Served:
    """A release began to serve; ``at`` is in seconds since the epoch."""

    release: str
    at: float


class Store:
    """The releases and environments below one state directory.

    ::

        releases/<id>/app/      the project's files, and what [release] build made of them
                     extra/     code outside of the project that the environment imports
                     runtime/   what Tenfold adds to the app's process
                     tenfold.toml, release.json
        envs/<hash>/            environments, shared by releases
        served.jsonl            which release served when
        storage/                user files, see :mod:`tenfold.release.storage`
    """

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()
        self.releases_dir = self.state / "releases"
        self.envs = self.state / "envs"
        self.storage = self.state / "storage"
        self._served = self.state / "served.jsonl"

    def make(self) -> None:
        """Make the directories that are missing."""
        for folder in (self.releases_dir, self.envs):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    @contextmanager
    def building(self) -> Iterator[None]:
        """While a release is made: removes what interrupted builds left; nothing is pruned."""
        self.make()
        with scratch.alone(self.releases_dir, shared=True):
            for folder in (self.releases_dir, self.envs):
                scratch.sweep(folder)
            yield

    def releases(self) -> tuple[Release, ...]:
        """Every release with a readable record, the newest first."""
        found = []
        for path in self.releases_dir.glob(f"*/{FILE_NAME}"):
            if path.parent.suffix != ".partial":
                with suppress(ReleaseError):
                    found.append(self._read(path.parent))
        return tuple(sorted(found, key=lambda r: (-r.built_at, r.id)))

    def get(self, id: str) -> Release | None:
        """The release with this id, or ``None``.

        Raises:
            ReleaseError: its record is damaged.
        """
        folder = self.releases_dir / id
        return self._read(folder) if (folder / FILE_NAME).is_file() else None

    def _read(self, folder: Path) -> Release:
        return from_json((folder / FILE_NAME).read_text("utf-8"), folder)

    def is_whole(self, release: Release) -> bool:
        """Whether everything that was built is still there."""
        built = (release.files, release.bytes)
        return files.holds(release.directory, built, without=FILE_NAME)

    def is_usable(self, release: Release) -> bool:
        """Whether the release is whole and, where it has a copied environment, that one is, too."""
        kept = release.environment
        whole = kept.kind == "recorded" or environment.is_whole(kept.directory)
        return whole and self.is_whole(release)

    def record_served(self, id: str, at: float) -> None:
        """Remember that this release serves from now on; durable. Saying it twice is fine."""
        if self.current() == id:
            return
        history = [*self.history(), Served(id, at)][-_HISTORY:]
        lines = (json.dumps(asdict(served)) + "\n" for served in history)
        scratch.write_durably(self._served, "".join(lines))

    def history(self) -> tuple[Served, ...]:
        """Which release served when, the oldest first."""
        try:
            lines = self._served.read_text("utf-8").splitlines()
        except FileNotFoundError:
            return ()
        return tuple(Served(**json.loads(line)) for line in lines)

    def current(self) -> str | None:
        """The id of the release that served last, whether or not it runs now."""
        history = self.history()
        return history[-1].release if history else None

    def previous(self) -> str | None:
        """The id of the release that served before the current one: what a rollback goes to."""
        history = self.history()
        return next((s.release for s in history[::-1] if s.release != history[-1].release), None)

    def prune(self, keep: int = 5, in_use: Collection[str] = ()) -> tuple[str, ...]:
        """Remove all but the ``keep`` newest releases, and what none of the rest refers to.

        The current and the previous release stay, and those in ``in_use``. Gives the ids that are
        gone. Waits for builds. Directories without a record are not ours to remove.

        Raises:
            ReleaseError: the directory of releases or of environments is a link.
        """
        with scratch.alone(self.releases_dir):
            releases = self.releases()
            newest = [release.id for release in releases[:keep]]
            kept = {*in_use, self.current(), self.previous(), *newest}
            used = {r.environment.hash for r in releases if r.id in kept}
            gone = _prune(self.releases_dir, kept, FILE_NAME)
            _prune(self.envs, used, environment.RECORD_NAME)
        return gone


def _prune(folder: Path, kept: Collection[str | None], record: str) -> tuple[str, ...]:
    with scratch.real(folder) as fd:
        names = [name for name in os.listdir(fd) if not name.endswith(".partial")]
    finished = [path for path in map(folder.joinpath, names) if _is_ours(path, record)]
    gone = sorted(path for path in finished if path.name not in kept)
    for path in gone:
        scratch.retire(path)
    return tuple(path.name for path in gone)


def _is_ours(path: Path, record: str) -> bool:
    """Whether Tenfold made this directory: it is one, no link, and has its record in it."""
    file = path / record
    return scratch.is_directory(path) and file.is_file() and not file.is_symlink()


def require_servable(store: Store, id: str, project: Path, run: Runner) -> Release:
    """The release, if it is what it was when it was built, files and environment.

    Raises:
        Refused: it is not there, not whole, or its recorded environment has changed.
    """
    release = store.get(id)
    if release is None:
        raise Refused(f"release {id} is not there any more", next="tenfold deploy makes a new one")
    if not store.is_whole(release):
        raise Refused(
            f"release {id} in {release.directory} is incomplete, so it cannot serve",
            next="tenfold deploy makes a new one",
        )
    environment.require_unchanged(release.environment, project, run)
    return release


def rollback_target(store: Store) -> Release:
    """The last release that served before the current one.

    Raises:
        ReleaseError: there is none, or it is not whole.
    """
    id = store.previous()
    release = store.get(id) if id else None
    if release is None:
        raise ReleaseError(
            "there is no earlier release to go back to", next="tenfold deploy makes a new one"
        )
    if not store.is_whole(release):
        raise ReleaseError(
            f"release {release.id} in {release.directory} is incomplete, so it cannot serve",
            next="check out its commit and tenfold deploy",
        )
    return release
