"""Which files of a project belong into a release: what git tracks or would, else almost everything.

Only names are decided here; nothing is read but directories and links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from tenfold.errors import ReleaseError
from tenfold.release import git

LEFTOVERS = frozenset({
    ".git", ".hg", ".svn", ".tenfold", "__pycache__", ".venv", "node_modules", ".mypy_cache",
    ".ruff_cache", ".pytest_cache", ".hypothesis", ".tox", ".nox", ".cache", ".idea", ".vscode",
    ".DS_Store",
})  # fmt: skip
LEFTOVER_ENDINGS = (".pyc", ".pyo")
# Never part of a release, not even when git tracks it; nor is the state of other environments.
_NEVER = frozenset({".git", ".tenfold"})
_STATE_OF_AN_ENVIRONMENT = ".tenfold-"


@dataclass(frozen=True, slots=True)
class Source:
    """The files of a release: paths relative to ``root``, sorted, links included.

    ``dirty`` tells that files differ from ``commit``: ``changed`` tracked ones, and ``untracked``
    new ones. ``notes`` are for the person who deploys.
    """

    root: Path
    files: tuple[str, ...]
    kind: Literal["git", "folder"]
    commit: str | None = None
    changed: int = 0
    untracked: int = 0
    notes: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool:
        """Whether the commit alone does not give these files."""
        return bool(self.changed or self.untracked)

    @property
    def sentence(self) -> str:
        """For plans and progress: ``commit 4f2c1d9 and 2 changed files``."""
        if self.kind == "folder":
            return "no git: every file but the usual leftovers"
        commit = f"commit {self.commit[:7]}" if self.commit else "no commit yet"
        parts = [(self.changed, "changed"), (self.untracked, "untracked")]
        told = [f"{n} {word} file{'s' * (n != 1)}" for n, word in parts if n]
        return " and ".join([commit, *told])


def survey(project: Path, without: tuple[str, ...] = ()) -> Source:
    """The files of ``project`` that a release consists of; those below ``without`` are none.

    Raises:
        ReleaseError: a link leads out of the project, a submodule is not checked out, git fails,
            or there is no file at all.
    """
    root = project.resolve()
    source = _from_git(root, without)
    if source is None:
        source = _from_folder(root, without)
    if not source.files:
        raise ReleaseError(f"there is no file to release in {root}")
    _check_links(source)
    return replace(source, notes=(*source.notes, *_notes(source)))


def _from_git(root: Path, without: tuple[str, ...] = ()) -> Source | None:
    tree = git.read(root, without)
    if tree is None:
        return None
    untracked = _without_leftovers(tree.untracked)
    listed = (p for p in (*tree.tracked, *untracked) if not _is_below(p, without))
    files = {path for path in listed if _is_file(root, path)}
    source = Source(
        root,
        files=_sorted(files),
        kind="git",
        commit=tree.commit,
        changed=tree.changed,
        untracked=len(files.intersection(untracked)),
    )
    for path in tree.nested:
        if not _is_leftover(path) and not _is_below(path, without):
            source = _with_nested(source, path)
    # An outer repository that ignores this folder knows nothing of it.
    return source if source.files else None


def _with_nested(source: Source, path: str) -> Source:
    folder = source.root / path
    if folder.is_symlink():
        return replace(source, files=_sorted({*source.files, path}), changed=source.changed + 1)
    if not git.is_repository(folder):
        raise ReleaseError(
            f"the submodule {path} is not checked out",
            next="git submodule update --init, then try again",
        )
    inner = _from_git(folder)
    if inner is None:
        return source
    return replace(
        source,
        files=_sorted({*source.files, *(f"{path}/{name}" for name in inner.files)}),
        changed=source.changed + inner.changed,
        untracked=source.untracked + inner.untracked,
    )


def _from_folder(root: Path, without: tuple[str, ...]) -> Source:
    return Source(root, files=_sorted(_walk(root, "", without)), kind="folder")


def _is_below(path: str, directories: tuple[str, ...]) -> bool:
    return any(path == d or path.startswith(f"{d}/") for d in directories)


def _walk(root: Path, below: str, without: tuple[str, ...]) -> Iterator[str]:
    with os.scandir(root / below) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if _is_leftover(entry.name) or path in without:
                continue
            if entry.is_dir(follow_symlinks=False):
                if not (root / path / "pyvenv.cfg").exists():
                    yield from _walk(root, path, without)
            elif entry.is_symlink() or entry.is_file(follow_symlinks=False):
                yield path


def _without_leftovers(paths: Iterable[str]) -> tuple[str, ...]:
    """A virtual environment that nobody ignored is a leftover, too."""
    kept = [path for path in paths if not _is_leftover(path)]
    venvs = tuple(path.removesuffix("pyvenv.cfg") for path in kept if path.endswith("/pyvenv.cfg"))
    return tuple(path for path in kept if not path.startswith(venvs)) if venvs else tuple(kept)


def _is_leftover(path: str) -> bool:
    parts = path.split("/")
    leftover = path.endswith(LEFTOVER_ENDINGS) or not LEFTOVERS.isdisjoint(parts)
    return leftover or parts[0].startswith(_STATE_OF_AN_ENVIRONMENT)


def _is_file(root: Path, path: str) -> bool:
    """Whether a listed path is there (git lists deleted files) and is a file or a link."""
    parts = path.split("/")
    if not _NEVER.isdisjoint(parts) or parts[0].startswith(_STATE_OF_AN_ENVIRONMENT):
        return False
    try:
        mode = os.lstat(root / path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISLNK(mode)


def _check_links(source: Source) -> None:
    for path in source.files:
        full = source.root / path
        if not full.is_symlink():
            continue
        target = os.readlink(full)
        if not stays_inside(source.root, path, target):
            inside = os.path.isabs(target) and Path(target).is_relative_to(source.root)
            why = "an absolute path: make it relative" if inside else "not part of the project"
            raise ReleaseError(
                f"{path} is a link to {target}, which is {why}",
                next="a release is complete in itself: put the file there, link to it by a "
                "relative path inside the project, or have git ignore it",
            )


def stays_inside(root: Path, path: str, target: str) -> bool:
    """Whether a link at ``path`` stays below ``root`` as it is written and as it resolves.

    Both are needed: ``b/../x`` looks harmless and leaves when ``b`` is itself a link upwards.
    """
    if os.path.isabs(target):
        return False
    written = os.path.normpath(os.path.join(os.path.dirname(path), target))
    resolved = os.path.realpath(root / path)
    return not (written == ".." or written.startswith("../")) and (
        resolved == str(root) or resolved.startswith(f"{root}/")
    )


def _notes(source: Source) -> Iterator[str]:
    if source.kind == "git" and ".env" not in source.files and (source.root / ".env").exists():
        yield ".env is ignored by git, so not released; what the app needs of it goes into [env]"


def _sorted(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(paths, key=os.fsencode))
