"""Which file a process was started from: an upgrade puts another one in its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping


def build_of(program: str, env: Mapping[str, str]) -> str | None:
    """What tells the file of a program from every other one that was, or will be, in its place.

    Links are followed. ``None`` where there is no such file.

    Args:
        program: a path, or a name that is looked for in the ``PATH`` of ``env``.
        env: of the process.
    """
    path = program if "/" in program else shutil.which(program, path=env.get("PATH"))
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def builds_of(programs: Iterable[str]) -> dict[str, str]:
    """The same of several files, by their paths; those that are not there are left out."""
    found = ((path, build_of(path, {})) for path in programs)
    return {path: build for path, build in found if build is not None}


def is_replaced(build: str | None, program: str, env: Mapping[str, str]) -> bool:
    """Whether something else lies there now; of one that nobody remembers it is not known."""
    return build is not None and build_of(program, env) != build
