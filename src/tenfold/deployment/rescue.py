"""Standing by while requests wait: whoever made them wait may be killed.

A second process, started before the hold, reads from a pipe. When the pipe ends without a word, the
command is gone, and this lets requests go on: the switch is finished if it was made, and taken back
if it was not. If it is killed too, the agent's own bound ends the hold.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenfold.state.layout import Layout

ALL_IS_WELL = b"."
LOG = "rescue.log"
END_SECONDS = 10.0


@contextlib.contextmanager
def standing_by(layout: Layout) -> Iterator[None]:
    """Have somebody stand by while the block runs."""
    reading, writing = os.pipe()
    log = os.open(layout.state / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(layout.project), str(reading)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(reading,),
            start_new_session=True,
        )
    finally:
        os.close(reading)
        os.close(log)
    try:
        yield
    finally:
        with contextlib.suppress(BrokenPipeError):  # it was killed; nobody needs it any more
            os.write(writing, ALL_IS_WELL)
        os.close(writing)
        process.wait(END_SECONDS)


def main(arguments: list[str]) -> int:
    """``python -m tenfold.deployment.rescue PROJECT FD``."""
    project, number = arguments
    if os.read(int(number), 1) == ALL_IS_WELL:
        return 0
    return subprocess.run(
        [sys.executable, "-m", "tenfold", "resume", "--let-go", "--dir", project],
        cwd=Path("/"),
        check=False,
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
