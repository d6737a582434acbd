"""Waits until a drill's process is gone, and has mended what that left broken.

A process of its own, in a session of its own: ``python -m tenfold.drills.guard PID FILE ARGV...``.
A drill that ends in order has removed its file by then, and nothing is done.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path


def begin(file: Path, command: list[str]) -> subprocess.Popen[bytes]:
    """Have this process guarded: ``command`` is executed if it ends while ``file`` is there."""
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "tenfold.drills.guard", str(os.getpid()), str(file), *command],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def main(pid: int, file: Path, command: list[str]) -> None:
    """Wait, then look, then execute."""
    try:
        guarded = os.pidfd_open(pid)
    except ProcessLookupError:
        pass
    else:
        select.select([guarded], [], [])
        os.close(guarded)
    if file.exists():
        os.execv(command[0], command)  # noqa: S606 - what the drill told


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
