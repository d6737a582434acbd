"""What ``tenfold init`` sees: framework, entry point, migrations, static files, environment; or a
generator of static sites, beside an app or alone.

Everything is read; nothing of the project is imported or run.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tenfold.errors import Ambiguous, UsageError
from tenfold.spec import values
from tenfold.spec.detect import (
    django,
    environments,
    generators,
    hints,
    importing,
    installed,
    instances,
    others,
    routes,
    uploads,
    variables,
    workers,
)
from tenfold.spec.detect.found import Candidate, Found, Item, Note, Part, Stored
from tenfold.spec.detect.installed import Installed
from tenfold.spec.detect.project import Project

__all__ = ["Candidate", "Found", "Item", "Note", "detect"]


def detect(root: Path, *, app: str | None = None) -> Found:
    """What the project at ``root`` is. ``app`` (``module:attribute``) chooses among several.

    Raises:
        Ambiguous: several objects could be the app; ``candidates`` names them, the likely first.
        UsageError: no app and no generator was recognised.
    """
    project = Project(root.resolve())
    environment = installed.find(project.root)
    makers = generators.find(project.root, environment)
    hinted = hints.hints(project)
    found = django.find(project, environment)
    if found is not None and found.candidates:
        chosen = _chosen(found.candidates, app) if app else found.candidates[0]
        parts = [django.look(found)]
    else:
        known = instances.factories(project)
        candidates = (
            instances.candidates(project, known)
            or instances.called(project, known)
            or hints.told(project, hinted)
            or instances.plain(project)
        )
        if not candidates and makers and app is None:
            return _site_alone(project, makers)
        if not candidates:
            raise _nothing(project, known)
        chosen = _chosen(candidates if app else hints.chosen(candidates, hinted), app)
        parts = [routes.look(project, chosen), others.alembic(project, environment, chosen)]
        if chosen.framework == "Flask":
            parts.append(routes.flask_static(project, chosen))
        parts += [
            uploads.look(project),
            others.database(project, environment),
            variables.look(project, chosen, known),
            importing.look(project, chosen),
        ]
    parts += [environments.look(project, environment, chosen), others.dotenv(project)]
    parts += [hints.look(hinted, environment.packages), workers.look(project, hinted)]
    parts.append(generators.look(makers))
    return _together(project, environment, chosen, parts)


def _chosen(candidates: tuple[Candidate, ...], app: str | None) -> Candidate:
    named = [c for c in candidates if app in (None, c.entry)]
    if len(named) == 1:
        return named[0]
    entries = tuple(c.entry for c in candidates)
    if named:
        raise Ambiguous(
            f"{len(entries)} objects could be the app: {', '.join(entries)}",
            next="name one: tenfold init --app MODULE:ATTRIBUTE",
            candidates=entries,
        )
    raise UsageError(f"there is no app {app} here; found {', '.join(entries)}")


def _nothing(project: Project, known: Mapping[str, instances.Factory]) -> UsageError:
    names = ", ".join(framework.name for framework in instances.FRAMEWORKS)
    if known:
        factory = next(iter(known.values()))
        where = project.shown(factory.module.path, factory.line)
        module, _, function = factory.name.rpartition(".")
        file = f"{factory.framework.interface}.py"
        return UsageError(
            f"{function} ({where}) makes a {factory.framework.name} app, but no module calls it,"
            f" and it wants to be given {', '.join(factory.wants)}",
            next=f'make {file} with "from {module} import {function}; app = {function}(...)"',
        )
    return UsageError(
        f"no app of Django, {names} and no generator of static sites was recognised in"
        f" {project.root}",
        next='write tenfold.toml yourself: name = "...", app = "module:attribute"\n'
        "or, for a static site, [static] build and output",
    )


def _site_alone(project: Project, makers: tuple[generators.Generator, ...]) -> Found:
    if makers[0].fault is not None:
        raise generators.refusal(makers[0])
    part = generators.look(makers)
    return Found(
        root=project.root,
        name=_name(project.root),
        app=None,
        interface=None,
        site=part.site,
        items=part.items,
        notes=part.notes,
    )


def _together(
    project: Project, environment: Installed, app: Candidate, parts: Iterable[Part]
) -> Found:
    parts = [*parts]
    stored = _stored(parts)
    redis = any(part.redis for part in parts)
    given = ("REDIS_URL",) if redis else ()
    python = None
    if environment.root is not None and environment.root.name != ".venv":
        python = f"{environment.root.name}/bin/python"
    return Found(
        root=project.root,
        name=_name(project.root),
        app=app.entry,
        interface=app.interface,
        python=python,
        pythonpath=(app.pythonpath,) if app.pythonpath else (),
        build=next((part.build for part in parts if part.build), None),
        migrate=next((part.migrate for part in parts if part.migrate), None),
        health=next((part.health for part in parts if part.health), None),
        kind=next((part.kind for part in parts if part.kind), None),
        command=next((part.command for part in parts if part.command), None),
        assets=tuple(dict(pair for part in parts for pair in part.assets).items()),
        site=next((part.site for part in parts if part.site), None),
        storage=stored,
        env=tuple(pair for part in parts for pair in part.env if pair[0] not in given),
        workers=tuple(dict(pair for part in parts for pair in part.workers).items()),
        redis=redis,
        items=(_framework(project, environment, app), *(i for part in parts for i in part.items)),
        notes=(*(note for part in parts for note in part.notes), *uploads.notes(stored)),
    )


def _stored(parts: Iterable[Part]) -> tuple[Stored, ...]:
    """Each directory once, with its URL where somebody knows it."""
    found: dict[str, Stored] = {}
    for stored in (stored for part in parts for stored in part.storage):
        if stored.url or stored.directory not in found:
            found[stored.directory] = stored
    return tuple(found.values())


def _framework(project: Project, environment: Installed, app: Candidate) -> Item:
    version = environment.packages.get(app.framework.lower())
    return Item(
        "framework",
        f"{app.framework} {version}" if version else app.framework,
        project.shown(app.file, app.line),
    )


def _named(document: Any, *keys: str) -> str | None:
    for key in (*keys, "name"):
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, str) else None


def _name(root: Path) -> str:
    """The project's name from ``pyproject.toml``, else the folder's."""
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        document = {}
    named = _named(document, "project") or _named(document, "tool", "poetry")
    return values.slug(named or root.name)
