"""A release as a value, and as the ``release.json`` that lies in it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tenfold.errors import ReleaseError
from tenfold.release.environment import Environment
from tenfold.spec import read
from tenfold.spec.model import AppSpec

FORMAT = 1
FILE_NAME = "release.json"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where the files came from; ``sentence`` says it to a person."""

    kind: str
    commit: str | None
    changed: int
    untracked: int
    sentence: str

    @property
    def dirty(self) -> bool:
        """Whether the commit alone does not give these files."""
        return bool(self.changed or self.untracked)


@dataclass(frozen=True, slots=True)
class Release:
    """One release, whole and immutable, at ``directory``.

    ``digest`` covers everything that went in; ``files`` and ``bytes`` count what lies in
    ``directory`` after the build. ``paths`` are import directories relative to ``directory``.
    ``assets`` are pairs of URL prefix and directory relative to ``app``. ``notes`` are for the
    person who deploys. ``built_at`` is in seconds since the epoch.
    """

    id: str
    directory: Path
    digest: str
    provenance: Provenance
    environment: Environment
    paths: tuple[str, ...]
    assets: tuple[tuple[str, str], ...]
    built_at: float
    build_seconds: float
    files: int
    bytes: int
    notes: tuple[str, ...] = ()

    @property
    def app(self) -> Path:
        """The app's files; the working directory of everything that is run of this release."""
        return self.directory / "app"

    @property
    def runtime(self) -> Path:
        """What Tenfold adds to the app's process."""
        return self.directory / "runtime"

    @property
    def python(self) -> str:
        """The interpreter to run."""
        return self.environment.python

    @property
    def pythonpath(self) -> tuple[str, ...]:
        """Directories to import from besides the working directory; absolute."""
        return tuple(str(self.directory / path) for path in self.paths)

    def spec(self, environment: str | None = None) -> AppSpec:
        """The ``tenfold.toml`` that the release was built with, as it is for an environment.

        Raises:
            SpecError: a newer Tenfold understands less of it.
        """
        return read.load(self.directory, environment=environment)

    def environ(self, path: str = os.defpath) -> dict[str, str]:
        """What makes a command use this release's environment; ``path`` is the ``PATH`` behind it.

        Bytecode is not written: it was, once, when the release was built.
        """
        programs = os.path.dirname(self.python)
        env = {"PATH": f"{programs}:{path}", "PYTHONDONTWRITEBYTECODE": "1"}
        if self.environment.kind == "snapshot":
            env["VIRTUAL_ENV"] = str(self.environment.directory)
        if self.paths:
            env["PYTHONPATH"] = ":".join(self.pythonpath)
        return env


def to_json(release: Release) -> str:
    """The text of ``release.json``."""
    data = asdict(release)
    del data["directory"]
    return json.dumps({"format": FORMAT, **data}, indent=1, sort_keys=True)


def from_json(text: str, directory: Path) -> Release:
    """Read what :func:`to_json` wrote.

    Raises:
        ReleaseError: not such a record, or one that a newer Tenfold wrote.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        if data.pop("format") != FORMAT:
            raise ReleaseError(
                f"the release in {directory} was written by a newer Tenfold",
                next="use that version, or deploy again with this one",
            )
        environment = data.pop("environment")
        environment["packages"] = tuple(tuple(pair) for pair in environment["packages"])
        return Release(
            directory=directory,
            provenance=Provenance(**data.pop("provenance")),
            environment=Environment(**environment),
            paths=tuple(data.pop("paths")),
            assets=tuple(tuple(pair) for pair in data.pop("assets")),
            notes=tuple(data.pop("notes")),
            **data,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"{directory}/{FILE_NAME} is damaged: {error}") from error
