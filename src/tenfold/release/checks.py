"""What can be known to be wrong with a release before it is started, by looking at its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tenfold.errors import ReleaseError
from tenfold.release import storage
from tenfold.release.record import Release
from tenfold.release.source import stays_inside
from tenfold.spec.model import AppSpec

_SUFFIXES = (".py", ".so", ".pyc")


def check(spec: AppSpec, release: Release, project: Path) -> None:
    """Refuse a release whose import paths, assets or entry point are not in it.

    Raises:
        ReleaseError: names what is missing, and says why if the project has it.
    """
    for path in release.paths:
        if not (release.directory / path).is_dir():
            _missing("the import directory", path.removeprefix("app/"), project)
    for url, directory in release.assets:
        if not (release.app / directory).is_dir():
            _missing(f"[static] assets: the directory of {url},", directory, project)
        _check_links(release.app, directory)
    _check_entry(spec, release, project)


def check_kept(spec: AppSpec, release: Release, kept: Path) -> None:
    """Refuse a release whose links to user files the build replaced.

    Raises:
        ReleaseError: names the directory.
    """
    for directory in spec.storage.dirs:
        if not storage.is_linked(release.app, kept, directory):
            raise ReleaseError(
                f"[release] build replaced {directory}, which [storage] dirs keeps across releases",
                next=f"have it write into {directory}, not make it anew",
            )


def _missing(what: str, path: str, project: Path) -> None:
    if (project / path).exists():
        raise ReleaseError(
            f"{what} {path} is in the project but not in the release: git ignores it, "
            "or it holds no file",
            next="have git track it, or make it with [release] build",
        )
    raise ReleaseError(f"{what} {path} does not exist", next="correct tenfold.toml")


def _check_links(app: Path, directory: str) -> None:
    """The edge follows links; those that a build made must not lead out of the release."""
    for folder, names, others in os.walk(app / directory):
        for name in (*names, *others):
            path = Path(folder, name)
            relative = str(path.relative_to(app))
            if path.is_symlink() and not stays_inside(app, relative, os.readlink(path)):
                raise ReleaseError(
                    f"{relative} would be served, but it is a link out of the release, "
                    f"to {os.readlink(path)}"
                )


def _check_entry(spec: AppSpec, release: Release, project: Path) -> None:
    """The entry point's module must be somewhere; a compiled or generated one is left to Python."""
    if spec.app is None:
        return
    module = spec.app.partition(":")[0]
    parts = module.split(".")
    places = [*_places(release)]
    if any(_has_module(place, parts) for place in places):
        return
    if release.environment.kind == "recorded" and not any(_has(p, parts[0]) for p in places):
        return
    reason = (
        "it is in the project, but git ignores it"
        if _has_module(project, parts)
        else f"looked in {', '.join(_names(release))}"
    )
    raise ReleaseError(
        f'app = "{spec.app}": there is no module {module} in the release ({reason})',
        next="correct app in tenfold.toml; code below another folder needs pythonpath",
    )


def _places(release: Release) -> Iterator[Path]:
    yield release.app
    yield from map(Path, release.pythonpath)
    if release.environment.kind == "snapshot":
        yield from release.environment.directory.glob("lib/*/site-packages")


def _names(release: Release) -> Iterator[str]:
    yield "the project"
    yield from (path.removeprefix("app/") for path in release.paths)
    if release.environment.kind == "snapshot":
        yield "the environment"


def _has_module(place: Path, parts: list[str]) -> bool:
    folder = place.joinpath(*parts[:-1])
    return folder.is_dir() and _has(folder, parts[-1])


def _has(folder: Path, name: str) -> bool:
    if (folder / name).is_dir():
        return True
    return any(
        path.name == name + path.suffix or path.name.startswith(f"{name}.cpython")
        for suffix in _SUFFIXES
        for path in folder.glob(f"{name}*{suffix}")
    )
