"""Which programs root may run: those that only root can replace.

Where Tenfold is root, a project or a configuration file may name a program. Whoever can write that
program, or a folder on the way to it, would become root by it. Whoever owns a folder on the way to
Tenfold itself, such as the home in which root runs it from somebody's environment, is not kept from
anything by that: they could replace what root runs right now.
"""

from __future__ import annotations

import grp
import os
import stat
import sys
from functools import cache
from pathlib import Path

# Debian makes /usr/local writable for the group "staff", whose members are administrators. Groups
# from here on are of ordinary users (FIRST_GID of adduser, GID_MIN of login.defs).
_FIRST_ORDINARY_GROUP = 1000


def doubt(program: Path) -> str | None:
    """Why root should not run this program, in words; ``None`` if nobody else can replace it.

    For everybody but root it is always ``None``: they run what they name as themselves. A program
    that is not there is nothing to doubt.
    """
    if os.geteuid() != 0:
        return None
    for path in _way(program):
        try:
            found = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        why = _open_to_others(found)
        if why is not None:
            return f"{path} {why}"
    return None


def _way(program: Path) -> tuple[Path, ...]:
    """The program and every folder on the way to it, as it is named and where its links lead."""
    named = Path(os.path.abspath(program))
    real = named.resolve()
    return tuple(dict.fromkeys((*reversed(named.parents), named, *reversed(real.parents), real)))


def _open_to_others(found: os.stat_result) -> str | None:
    if found.st_uid not in trusted_already():
        return "does not belong to root"
    if stat.S_ISLNK(found.st_mode):
        return None
    # In a sticky folder, such as /tmp, nobody can replace what is root's.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not sticky:
        return "can be written by everybody"
    if found.st_mode & stat.S_IWGRP and found.st_gid >= _FIRST_ORDINARY_GROUP and not sticky:
        return f"can be written by the group {_group(found.st_gid)}"
    return None


@cache
def trusted_already() -> frozenset[int]:
    """The owners of everything on the way to Tenfold and to the environment that it runs in."""
    ways = (*_way(Path(__file__)), *_way(Path(sys.prefix)))
    return frozenset({0, *(path.lstat().st_uid for path in ways)})


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
