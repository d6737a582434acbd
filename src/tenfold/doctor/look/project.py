"""The project's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tenfold.deployment.given import remembered
from tenfold.doctor.facts import ProjectFacts
from tenfold.doctor.look.commands import lacking, module_missing
from tenfold.doctor.model import Unseen
from tenfold.errors import SpecError, TenfoldError
from tenfold.release import git
from tenfold.spec import read
from tenfold.spec.detect import installed
from tenfold.spec.detect.installed import Installed
from tenfold.spec.detect.project import Project
from tenfold.spec.model import AppSpec
from tenfold.spec.values import references
from tenfold.stages.facts import app_facts, fitting
from tenfold.stages.guarantees import costs
from tenfold.state import app_secrets
from tenfold.state.layout import Layout

_EXAMPLES = (".example", ".sample", ".template", ".dist", ".test", ".ci")
_PRIVATE_KEY = b"PRIVATE KEY-----"


def look(layout: Layout, unseen: list[Unseen]) -> tuple[AppSpec | None, ProjectFacts]:
    """The file, if it can be read, and what the checks of the project ask for."""
    spec, problems = _spec(layout)
    remembered, opened = _remembered(layout)
    environment = environment_of(layout.project, spec)
    wanted = _servers(spec)
    return spec, ProjectFacts(
        root=layout.project,
        file=layout.spec.is_file(),
        problems=problems,
        missing=tuple(_missing(spec, remembered)) if spec else (),
        environment=_place(layout.project, environment),
        packages_fault=environment.fault if environment.root is None else None,
        server=environment.any(*wanted),
        wanted=wanted,
        add=environment.how_to_add(wanted[0]) if wanted else "",
        entry_missing=_entry(layout.project, spec, environment) if spec else None,
        command=spec.command if spec else None,
        without_app=spec is not None and spec.app is None and spec.command is None,
        lacking=_lacking(layout.project, spec, environment) if spec else None,
        costs=_costs(spec, environment) if spec else (),
        secrets_open=opened,
        tracked_secrets=_tracked(layout.project, unseen),
    )


def environment_of(project: Path, spec: AppSpec | None) -> Installed:
    """The app's virtual environment: the one that ``python`` names, else the project's own."""
    if spec is not None and spec.python is not None:
        folder = (project / spec.python).parent.parent
        return installed.look(folder) if (folder / "pyvenv.cfg").is_file() else Installed()
    return installed.find(project)


def _spec(layout: Layout) -> tuple[AppSpec | None, tuple[str, str] | None]:
    if not layout.spec.is_file():
        return None, None
    try:
        return read.load(layout.spec, environment=layout.environment), None
    except SpecError as error:
        return None, (error.what, error.next or "")


def _remembered(layout: Layout) -> tuple[frozenset[str], str | None]:
    """Variables that need not be set where tenfold is called; a file of them that is open."""
    names: set[str] = set()
    opened: str | None = None
    try:
        names |= {*remembered(layout), *app_secrets.load(layout.app_secrets)}
    except TenfoldError:
        is_open = [p for p in (layout.secrets, layout.app_secrets) if _is_open(p)]
        opened = str(is_open[0].relative_to(layout.project)) if is_open else None
    return frozenset(names), opened


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except OSError:
        return False


def _missing(spec: AppSpec, remembered: frozenset[str]) -> Iterator[str]:
    urls = (spec.database.url, spec.redis.url if spec.redis else None)
    texts = (*spec.env.values(), *spec.edge.basic_auth.values(), *filter(None, urls))
    names = dict.fromkeys(name for text in texts for name in references(text))
    yield from (name for name in names if name not in os.environ and name not in remembered)


def _servers(spec: AppSpec | None) -> tuple[str, ...]:
    return fitting(spec, None) if spec is not None and spec.app is not None else ()


def _lacking(project: Path, spec: AppSpec, environment: Installed) -> tuple[str, str] | None:
    if spec.command is None or spec.release.build is not None:
        return None
    return lacking(project, spec.pythonpath, environment, spec.command)


def _costs(spec: AppSpec, environment: Installed) -> tuple[str, ...]:
    if spec.app is None and spec.command is None:
        return ()
    try:
        return costs(app_facts(spec, frozenset(environment.packages), None))
    except TenfoldError:  # told as project.server
        return ()


def _entry(project: Path, spec: AppSpec, environment: Installed) -> str | None:
    if spec.release.build is not None or spec.app is None:
        return None
    module = spec.app.partition(":")[0]
    missing = module_missing(project, spec.pythonpath, environment, module)
    return module if missing else None


def _tracked(project: Path, unseen: list[Unseen]) -> tuple[str, ...]:
    try:
        tree = git.read(project)
    except TenfoldError as error:
        unseen.append(Unseen("files that git tracks", error.what, error.next or ""))
        return ()
    source = Project(project)
    tracked = tree.tracked if tree else ()
    return tuple(
        path
        for path in tracked
        if not source.is_aside(project / path) and _is_secret(project / path)
    )


def _is_secret(path: Path) -> bool:
    name = path.name
    if name == ".env" or (name.startswith(".env.") and not name.endswith(_EXAMPLES)):
        return path.is_file()
    if path.suffix in (".pem", ".key") or name in ("id_rsa", "id_ed25519"):
        try:
            with path.open("rb") as file:
                return _PRIVATE_KEY in file.read(4096)
        except OSError:
            return False
    return False


def _place(project: Path, environment: Installed) -> str | None:
    """Where the app's packages are, or what they are installed from."""
    folder = environment.root
    if folder is not None:
        return str(folder.relative_to(project)) if folder.is_relative_to(project) else str(folder)
    return environment.declared.file if environment.declared else None
