"""Releases as plans need them: what the project would become, and where built ones lie."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.engines.protocol import ReleasePlace
from tenfold.errors import Refused, ReleaseError, TenfoldError
from tenfold.release import assets, environment, files, scratch, storage
from tenfold.release.build import Preview, build, preview
from tenfold.release.running import Here
from tenfold.release.store import Store, require_servable
from tenfold.release.written import written
from tenfold.runtime import package
from tenfold.runtime.servers import OLDEST
from tenfold.spec.detect import detect
from tenfold.stages.facts import INTERFACES_OF, fitting

if TYPE_CHECKING:
    from tenfold.release.environment import Environment
    from tenfold.release.record import Release
    from tenfold.release.running import Runner
    from tenfold.secret import Secret
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout
    from tenfold.targets.local.account import Account

    Variables = Mapping[str, str | Secret]

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The release that shall serve. ``interface`` is what its entry looks like, if it says."""

    id: str
    servers: frozenset[str]
    interface: str | None
    notes: tuple[str, ...] = ()


class ReleaseKeeper:
    """Builds, finds, publishes and prunes the releases of one deployment.

    Args:
        run: how builds run commands: as the user that the app runs as.
        variables: the app's environment variables, for the build command.
        account: whom builds and the app run as, where Tenfold is root.
    """

    def __init__(
        self,
        layout: Layout,
        spec: AppSpec,
        run: Runner,
        *,
        variables: Variables | None = None,
        account: Account | None = None,
    ) -> None:
        self._layout = layout
        self._spec = spec
        self._run = run
        self._variables = variables or {}
        self._account = files.Account(account.uid, account.gid) if account else None
        self._store = Store(layout.shelf)
        self._runtime = {path: source.read_bytes() for path, source in package.files().items()}

    def candidate(self) -> Wanted:
        """What the project is now. Nothing is written."""
        seen = self._preview()
        now = seen.found.environment
        notes = (seen.source.sentence, *seen.notes, *self._drifted(now))
        return self._wanted(seen.id, now.packages, notes)

    def _drifted(self, now: Environment) -> tuple[str, ...]:
        current = self._store.current()
        # Not the store's `get`: a damaged record keeps nobody from deploying.
        for release in self._store.releases():
            if release.id == current:
                return environment.drift_notes(release.id, release.environment, now)
        return ()

    def existing(self, release: str) -> Wanted:
        """A release that is built already.

        Raises:
            Refused: it is not there, or not whole.
        """
        found = require_servable(self._store, release, self._layout.project, Here())
        return self._wanted(found.id, found.environment.packages, ())

    def build(self, release: str, tell: Callable[[str], None]) -> None:
        """Build the project as it is, which must still be this release.

        Raises:
            ReleaseError: it cannot be built, or it changed since the plan was made.
        """
        made = build(
            self._spec,
            self._layout.project,
            self._layout.shelf,
            run=self._run,
            progress=tell,
            runtime=self._runtime,
            variables=self._variables,
            account=self._account,
            servers=self._servers(),
            environ=os.environ,
        )
        if made.id != release:
            raise ReleaseError(
                f"the project changed meanwhile: it is {made.id} now, {release} was planned",
                changed="nothing for your users",
                next="give the command again",
            )

    def place(self, release: str) -> ReleasePlace:
        """Where a built release lies on this machine."""
        found = self._whole(release)
        return ReleasePlace(
            id=found.id,
            directory=str(found.app),
            python=found.python,
            runtime=str(found.runtime or ""),
            environment=found.environ(SYSTEM_PATH),
        )

    def publish(self, release: str, hosts: Mapping[str, str]) -> None:
        """Have ``assets/current`` of every host (name -> root) show the release's static files."""
        found = self._whole(release)
        for root in hosts.values():
            assets.publish(found, Path(root) / "assets")

    def to_keep(self, directory: str) -> tuple[int, int]:
        """How many files and bytes :meth:`keep` would copy.

        Raises:
            Refused: the project has something there that cannot be kept.
        """
        parts = [storage.missing(self._store.storage, b) for b in self._batches(directory)]
        names = {name for part in parts for name in part.names}
        return len(names), sum(part.bytes for part in parts)

    def keep(self, directory: str, tell: Callable[[str], None]) -> None:
        """Have the directory outlive releases, with what releases wrote there and the project has.

        Raises:
            ReleaseError: something cannot be read or written; what was copied stays.
        """
        with scratch.worded(self._store.storage):
            storage.ensure(self._store.storage, directory, self._account)
            for batch in self._batches(directory):
                storage.bring(self._store.storage, batch, self._account, tell)

    def collect(self) -> None:
        """Have what releases wrote into kept directories of their own where all look for it."""
        with scratch.worded(self._store.storage):
            for directory in self._spec.storage.dirs:
                for batch in self._written(directory):
                    storage.bring(self._store.storage, batch, self._account, lambda _: None)

    def _batches(self, directory: str) -> tuple[storage.Batch, ...]:
        """What releases wrote goes before what the project has: it is the users'."""
        return (*self._written(directory), storage.of_project(self._layout.project, directory))

    def _written(self, directory: str) -> tuple[storage.Batch, ...]:
        """What was written into this directory of releases that have one of their own."""
        return tuple(
            storage.Batch(release.app, directory, names)
            for release in self._store.releases()
            if not (release.app / directory).is_symlink() and (names := written(release, directory))
        )

    def record_served(self, release: str) -> None:
        """Remember that this release serves from now on; a rehearsal does not count."""
        if self._layout.rehearsal is None:
            self._store.record_served(release, time.time())

    def prune(self, keep: int, needed: frozenset[str]) -> None:
        """Remove all but the newest ``keep``, the last two that served and the needed ones."""
        self._store.prune(keep, needed)

    def _wanted(
        self, release: str, packages: tuple[tuple[str, str], ...], notes: tuple[str, ...]
    ) -> Wanted:
        names = {name.lower().replace("_", "-") for name, _ in packages}
        return Wanted(
            id=release,
            servers=frozenset(names & set(INTERFACES_OF)),
            interface=_likely_interface(self._spec, self._layout.project),
            notes=notes,
        )

    def _preview(self) -> Preview:
        return preview(
            self._spec,
            self._layout.project,
            self._layout.shelf,
            run=Here(),
            runtime=self._runtime,
            servers=self._servers(),
            environ=os.environ,
        )

    def _servers(self) -> tuple[str, ...]:
        """The servers that would do, as requirements; none where the app does not say what it
        speaks."""
        interface = _likely_interface(self._spec, self._layout.project)
        names = fitting(self._spec, interface) if interface else ()
        return tuple(f"{n}>={'.'.join(map(str, OLDEST[n]))}" for n in names)

    def _whole(self, release: str) -> Release:
        found = self._store.get(release)
        if found is None:
            raise Refused(f"release {release} is not there any more", next="tenfold deploy")
        if not Path(found.python).exists():
            raise Refused(
                f"release {release} was built when the project was elsewhere:"
                f" its interpreter {found.python} is gone",
                next="tenfold deploy",
            )
        return found


def _likely_interface(spec: AppSpec, project: Path) -> str | None:
    """ASGI or WSGI, from the sources if they say, else from the entry's own words."""
    if spec.app is None:
        return None
    try:
        return detect(project, app=spec.app).interface
    except TenfoldError:  # an app that "init" would not recognise is fine
        words = spec.app.replace(":", ".").lower().split(".")
        return next((i for i in ("asgi", "wsgi") if any(i in word for word in words)), None)
