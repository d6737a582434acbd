"""A private view of the file system, in which an unprivileged user reaches what it needs.

Tenfold that runs as root has its units run as somebody else. What they need may lie under closed
directories: an interpreter under ``/root/.pyenv``, a project in ``/root/app``. Nobody's permissions
are changed for that. The agent gets a mount namespace of its own, in which each closed directory is
covered by an empty one that may be passed through, and only the needed trees are put back in their
places.

Here it is decided what to mount; :mod:`tenfold.agent.descend` mounts it.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at a path: mode with type, owner, and where it points if it is a link."""

    mode: int
    uid: int
    gid: int
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Mount:
    """One step: ``cover`` a directory with an empty one, ``bind`` the original tree back into its
    place, or make a ``link`` again that was covered. Steps are made in order."""

    kind: Literal["cover", "bind", "link"]
    path: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Closed(Exception):
    """A needed path is itself closed to the user, so that no view can help."""

    path: str


Lookup = Callable[[str], Entry | None]


def needed_view(paths: Iterable[str], lookup: Lookup, uid: int, gid: int) -> tuple[Mount, ...]:
    """The mounts with which the user reaches every one of ``paths``; none when it does already.

    Args:
        paths: absolute; those that do not exist are left out. A directory has to let the user
            pass, anything else has to let it read.
        lookup: what lies at a path, without following a link there; ``None`` for nothing.
        uid: the user, which belongs to no group but ``gid``.
        gid: its group.

    Raises:
        Closed: one of the paths is itself closed to the user.
    """
    view = _View(lookup, uid, gid)
    for path in sorted(set(paths), key=lambda p: (len(PurePosixPath(p).parts), p)):
        view.open(path)
    return tuple(view.mounts)


@dataclass(slots=True)
class _View:
    lookup: Lookup
    uid: int
    gid: int
    mounts: list[Mount] = field(default_factory=list)

    def open(self, path: str) -> None:
        end = self._walk(path)
        if end is None:
            return
        entry = self.lookup(end)
        assert entry is not None
        if not may(entry, 0o1 if stat.S_ISDIR(entry.mode) else 0o4, self.uid, self.gid):
            raise Closed(end)
        if self._is_covered(end):
            self._add(Mount("bind", end))

    def _walk(self, path: str) -> str | None:
        """Follow ``path`` as the kernel does, adding covers and links on the way; gives the real
        path of its end, or ``None`` when there is nothing."""
        here, rest, links = "/", list(PurePosixPath(path).parts[1:]), 0
        while rest:
            name = rest.pop(0)
            if name == "..":
                here = str(PurePosixPath(here).parent)
                continue
            self._pass(here)
            at = str(PurePosixPath(here, name))
            entry = self.lookup(at)
            if entry is None:
                return None
            if entry.target is None:
                here = at
                continue
            links += 1
            if links > _MOST_LINKS:
                return None
            if self._is_covered(at):
                self._add(Mount("link", at, entry.target))
            goal = PurePosixPath(entry.target)
            if goal.is_absolute():
                here, goal = "/", goal.relative_to("/")
            rest = [*goal.parts, *rest]
        return here

    def _pass(self, directory: str) -> None:
        entry = self.lookup(directory)
        if entry is None or self._is_covered(directory) or may(entry, 0o1, self.uid, self.gid):
            return
        self._add(Mount("cover", directory))

    def _is_covered(self, path: str) -> bool:
        """Whether the innermost mount that the path is under is an empty cover."""
        under = [m for m in self.mounts if m.kind != "link" and _contains(m.path, path)]
        innermost = max(under, key=lambda m: (len(m.path), self.mounts.index(m)), default=None)
        return innermost is not None and innermost.kind == "cover"

    def _add(self, mount: Mount) -> None:
        if mount not in self.mounts:
            self.mounts.append(mount)


def may(entry: Entry, wanted: int, uid: int, gid: int) -> bool:
    """Whether the mode grants ``wanted`` (4 read, 2 write, 1 pass) to a user of only this group."""
    if entry.uid == uid:
        granted = entry.mode >> 6
    elif entry.gid == gid:
        granted = entry.mode >> 3
    else:
        granted = entry.mode
    return granted & wanted == wanted


def _contains(directory: str, path: str) -> bool:
    return path == directory or PurePosixPath(path).is_relative_to(directory)
