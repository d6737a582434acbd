"""What git knows of a folder. Asks only; never writes, not even the index.

A repository's configuration may name commands: none of those that a reading git would run is run
(a file system monitor, hooks, filters), and a folder that merely looks like a repository without a
work tree, which may be part of somebody's clone, is not read as one. Where Tenfold is root, git
runs as the folder's owner all the same.
"""

from __future__ import annotations

import os
import pwd
import re
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from tenfold.errors import ReleaseError

_SUBMODULE = b"160000"
_OPTIONS = (
    "safe.bareRepository=explicit",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.hooksPath=/dev/null",
    "protocol.allow=never",
)
# Only the commands count that the repository itself names; the person's own (git lfs) may run.
_FILTER = re.compile(rb"(?:local|worktree)\0(filter\..+\.(?:clean|process))\n", re.DOTALL)
_NO_REPOSITORY = ("not a git repository", "must be run in a work tree")


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one folder as git sees them, paths relative to the folder.

    ``nested`` are folders with a repository of their own: submodules, and clones that git merely
    found. ``commit`` is ``None`` before the first commit.
    """

    commit: str | None
    tracked: tuple[str, ...]
    untracked: tuple[str, ...]
    nested: tuple[str, ...]
    changed: int


def read(folder: Path, without: tuple[str, ...] = ()) -> Tree | None:
    """What git knows of ``folder``; ``None`` without git or outside every repository.

    Changes below ``without`` (directories of the folder) do not count.

    Raises:
        ReleaseError: there is a repository, but git refuses to read it.
    """
    if _ask(folder, "rev-parse", "--is-inside-work-tree") != b"true\n":
        return None
    tracked: list[str] = []
    submodules: list[str] = []
    for mode, path in _staged(folder):
        (submodules if mode == _SUBMODULE else tracked).append(path)
    others = _names(folder, "ls-files", "-z", "--others", "--exclude-standard")
    commit, changed = _status(folder, without)
    return Tree(
        commit=commit,
        # A path in conflict is listed once per side.
        tracked=tuple(dict.fromkeys(tracked)),
        untracked=tuple(path for path in others if not path.endswith("/")),
        nested=(*submodules, *(path.rstrip("/") for path in others if path.endswith("/"))),
        changed=changed,
    )


def _staged(folder: Path) -> Iterator[tuple[bytes, str]]:
    for line in (_ask(folder, "ls-files", "-z", "--stage") or b"").split(b"\0"):
        if line:
            meta, _, path = line.partition(b"\t")
            yield meta.split(b" ", 1)[0], os.fsdecode(path)


def _names(folder: Path, *arguments: str) -> tuple[str, ...]:
    listed = (_ask(folder, *arguments) or b"").split(b"\0")
    return tuple(os.fsdecode(name) for name in listed if name)


def _status(folder: Path, without: tuple[str, ...]) -> tuple[str | None, int]:
    """The commit, and how many tracked files of the folder differ from it."""
    arguments = ("--porcelain=v2", "--branch", "-z", "--no-renames")
    scope = ("--untracked-files=no", "--ignore-submodules=all", "--", ".")
    left_out = (f":(exclude,literal){path}" for path in without)
    told = _ask(folder, "status", *arguments, *scope, *left_out, settings=_without_filters(folder))
    lines = (told or b"").split(b"\0")
    commit = next(line for line in lines if line.startswith(b"# branch.oid ")).split()[2]
    changed = sum(line[:2] in (b"1 ", b"u ") for line in lines)
    return (None if commit == b"(initial)" else commit.decode()), changed


def _without_filters(folder: Path) -> dict[str, str]:
    """What keeps ``git status`` from running the filters that the repository's own file names.

    A file that such a filter would change back counts as changed then, if git has to look at it.
    """
    settings: dict[str, str] = {}
    listed = _ask(folder, "config", "--list", "--show-scope", "-z") or b""
    # Scope and entry alternate, each with a NUL behind it.
    parts = listed.split(b"\0")
    for scope, entry in zip(parts[::2], parts[1::2], strict=False):
        found = _FILTER.match(scope + b"\0" + entry)
        if found:
            name = os.fsdecode(found[1])
            settings |= {name: "", f"{name.rpartition('.')[0]}.required": "false"}
    return settings


def _ask(folder: Path, *arguments: str, settings: Mapping[str, str] | None = None) -> bytes | None:
    """What git prints; ``None`` when there is no git, or no repository.

    ``settings`` go before the repository's own, whatever characters are in their names.

    Raises:
        ReleaseError: git fails for another reason.
    """
    environ, user, group = _identity(folder)
    try:
        done = subprocess.run(
            ["git", *chain.from_iterable(("-c", option) for option in _OPTIONS), *arguments],
            cwd=folder,
            env=environ | _given(settings or {}),
            user=user,
            group=group,
            extra_groups=None if user is None else [],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    if done.returncode == 0:
        return done.stdout
    reason = done.stderr.decode(errors="replace").strip()
    if any(text in reason for text in _NO_REPOSITORY):
        return None
    raise ReleaseError(
        f"git cannot read the repository of {folder}",
        next="make `git status` work there, then try again",
        detail=reason,
    )


def _given(settings: Mapping[str, str]) -> dict[str, str]:
    numbered = [*enumerate(settings.items())]
    keys = {f"GIT_CONFIG_KEY_{n}": key for n, (key, _) in numbered}
    values = {f"GIT_CONFIG_VALUE_{n}": value for n, (_, value) in numbered}
    return {"GIT_CONFIG_COUNT": str(len(numbered)), **keys, **values}


def _identity(folder: Path) -> tuple[dict[str, str], int | None, int | None]:
    # GIT_DIR and its like, set inside a git hook, would name another repository.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environ |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    owner = folder.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return environ, None, None
    try:
        environ["HOME"] = pwd.getpwuid(owner.st_uid).pw_dir
    except KeyError:
        environ["HOME"] = "/nonexistent"
    return environ, owner.st_uid, owner.st_gid


def branch(folder: Path) -> str | None:
    """The branch that a folder's repository is on; ``None`` without one.

    Raises:
        ReleaseError: there is a repository, but git refuses to read it.
    """
    told = _ask(folder, "branch", "--show-current")
    return told.decode(errors="replace").strip() or None if told is not None else None


def is_repository(folder: Path) -> bool:
    """Whether the folder itself, not one above it, is a checked-out repository."""
    try:
        mode = (folder / ".git").lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISDIR(mode) or stat.S_ISREG(mode)
