"""Where things lie in ``.tenfold/``.

::

    .tenfold/
      journal.db      intentions, steps done, facts          transitions.journal
      lock            who is at work                         state.lock
      secrets.json    generated passwords, mode 0600         state.secrets
      app-secrets.json  what the app must know, 0600        state.app_secrets
      audit.jsonl     who did what                           state.audit
      build.lock      who runs [static] build                deployment.generating
      drill.json      what a drill has broken, until it is mended   drills.kept
      exports.json    which files an export wrote, and where deployment.exporting
      releases/ID/    immutable app directories              release
      envs/HASH/      Python environments of releases        release
      pages/ID/       pages that are shown as files          release.pages
      storage/DIR/    user files, kept across releases       release.storage
      cache/          packages fetched for root's builds     release
      runtime/HASH/   the wrapper, copied alone              runtime
      hosts/NAME/     one directory per host                 targets.local
      publishing/     the place's history by git, whose publications are ours   publishing
      reports/        what moves between stages did          observe.report
      rehearsals/     copies of all this, for a while        deployment.rehearse
    .tenfold-NAME/    the same for the environment NAME
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from tenfold.errors import Refused, UsageError

SPEC_NAME = "tenfold.toml"
STATE_NAME = ".tenfold"
ENVIRONMENT = "TENFOLD_ENV"
"""The variable that names an environment where ``--env`` does not."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one deployment; ``project`` is the folder with ``tenfold.toml``.

    ``rehearsal`` names a copy of the deployment, which has a state of its own and the releases of
    the original. ``environment`` names another deployment of the same project, which shares nothing
    with the default one but ``tenfold.toml`` and the sources.
    """

    project: Path
    rehearsal: str | None = None
    environment: str | None = None

    @property
    def spec(self) -> Path:
        """The user's file."""
        return self.project / SPEC_NAME

    @property
    def state(self) -> Path:
        """Everything that Tenfold keeps of this deployment."""
        return self.rehearsals / self.rehearsal if self.rehearsal else self.shelf

    @property
    def rehearsals(self) -> Path:
        """Copies of the deployment, each for as long as a rehearsal takes."""
        return self.shelf / "rehearsals"

    @property
    def shelf(self) -> Path:
        """Where releases and environments are, for the deployment and its rehearsals."""
        name = f"{STATE_NAME}-{self.environment}" if self.environment else STATE_NAME
        return self.project / name

    @property
    def name(self) -> str:
        """What its processes are called; differs between environments."""
        return f"{self.project.name}-{self.environment}" if self.environment else self.project.name

    @property
    def storage(self) -> Path:
        """Where user files are: for the deployment, and to look at for its rehearsals."""
        return self.shelf / "storage"

    @property
    def pages(self) -> Path:
        """See :mod:`tenfold.release.pages`."""
        return self.shelf / "pages"

    @property
    def journal(self) -> Path:
        """See :mod:`tenfold.transitions.journal`."""
        return self.state / "journal.db"

    @property
    def lock(self) -> Path:
        """See :mod:`tenfold.state.lock`."""
        return self.state / "lock"

    @property
    def secrets(self) -> Path:
        """See :mod:`tenfold.state.secrets`."""
        return self.state / "secrets.json"

    @property
    def audit(self) -> Path:
        """See :mod:`tenfold.state.audit`."""
        return self.state / "audit.jsonl"

    @property
    def exports(self) -> Path:
        """See :mod:`tenfold.deployment.exporting`."""
        return self.state / "exports.json"

    @property
    def build_lock(self) -> Path:
        """See :mod:`tenfold.deployment.generating`."""
        return self.state / "build.lock"

    @property
    def app_secrets(self) -> Path:
        """See :mod:`tenfold.state.app_secrets`."""
        return self.state / "app-secrets.json"

    @property
    def publishing(self) -> Path:
        """See :mod:`tenfold.publishing.opening`."""
        return self.state / "publishing"

    def exists(self) -> bool:
        """Whether this project was ever brought up."""
        return self.journal.exists()

    def create(self) -> None:
        """Make the folder, closed to others, and keep it out of version control.

        Raises:
            Refused: it cannot be made or written, or it belongs to somebody else.
        """
        try:
            self.state.mkdir(mode=0o711, exist_ok=True, parents=self.rehearsal is not None)
            self._require_own()
            ignore = self.state / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except OSError as error:
            raise Refused(
                f"{self.state} cannot be written: {error.strerror}",
                next="make the project's folder writable, or run as the user that owns it",
            ) from error

    def _require_own(self) -> None:
        found = self.state.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise Refused(f"{self.state} is not a directory of its own", next="remove it")
        if found.st_uid != os.geteuid():
            raise Refused(
                f"{self.state} belongs to another user",
                next=f"run as the owner of {self.state}",
            )
        self._refuse_links()

    def _refuse_links(self) -> None:
        """What a repository brings along as ``.tenfold`` must not lead elsewhere."""
        for entry in os.scandir(self.state):
            if entry.is_symlink():
                raise Refused(
                    f"{entry.path} is a link; Tenfold makes none there, and follows none",
                    next=f"look where it leads, then  rm {entry.path}",
                )


def title(app: str, environment: str | None) -> str:
    """How a deployment is called where people read it: ``shop``, or ``shop (staging)``."""
    return f"{app} ({environment})" if environment else app


def find_project(start: Path) -> Path:
    """The nearest folder upwards with a ``tenfold.toml``.

    Raises:
        UsageError: there is none.
    """
    try:
        here = start.resolve(strict=True)
    except OSError as error:
        raise UsageError(f"{start}: {error.strerror}") from error
    for folder in (here, *here.parents):
        if (folder / SPEC_NAME).is_file():
            return folder
    raise UsageError(
        f"no {SPEC_NAME} in {here} or above it",
        next=f"tenfold init --dir {start}   writes one by looking at the project",
    )
