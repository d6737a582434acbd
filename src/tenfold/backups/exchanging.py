"""Two data directories that change places, at once: at every moment there is a whole one."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

from tenfold.agent.store import replace_file, sync_directory

MARK = "tenfold-restored"
_AT_FDCWD = -100
_EXCHANGE = 2


def mark(cluster: Path, id: str) -> None:
    """Leave a mark in a cluster, durably."""
    replace_file(cluster / MARK, f"{id}\n".encode(), 0o600)


def is_marked(cluster: Path, id: str) -> bool:
    """Whether a cluster is the one that got this mark."""
    try:
        return (cluster / MARK).read_text().strip() == id
    except FileNotFoundError:
        return False


def look(data: Path, beside: Path, id: str) -> None:
    """Print what there is, see :class:`tenfold.transitions.restoring.Beside`."""
    there = (beside / "PG_VERSION").exists()
    left = beside.parent.exists()
    print(json.dumps({"there": there, "restored": is_marked(data, id), "left": left}))  # noqa: T201


def exchange(data: Path, beside: Path, id: str, wanted: str) -> None:
    """Have ``data`` be the cluster with this mark (``restored``), or the other one (``before``).

    Exits with a complaint where a server lives in it, or the one that is wanted is not there.
    """
    if is_marked(data, id) == (wanted == "restored"):
        return
    if (data / "postmaster.pid").exists():
        sys.exit(f"a server lives in {data}, or was killed there: its data is left alone")
    if not (beside / "PG_VERSION").exists():
        sys.exit(f"there is no cluster in {beside}")
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(data), os.fsencode(beside)
    if library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _EXCHANGE) != 0:
        number = ctypes.get_errno()
        sys.exit(f"{data} and {beside} cannot change places: {os.strerror(number)}")
    sync_directory(data.parent)
    sync_directory(beside.parent)
