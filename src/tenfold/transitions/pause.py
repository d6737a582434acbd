"""Named points at which crash tests stop a command, to kill it just there or to let it wake later.

``TENFOLD_STOP_AT=Fence.before`` in its environment has it send itself SIGSTOP when it is about to
perform the first step of that kind; ``.after``: when the step is performed and not yet journaled.
Of several points, with commas between, it stops at each once; where it stands is the last line of
the file that ``TENFOLD_STOPPED_IN`` names, if it does. Unset, as it always is outside of tests, a
point costs one look into the environment.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "TENFOLD_STOP_AT"
FILE = "TENFOLD_STOPPED_IN"

_left: set[str] = set()


def stop_point(name: str) -> None:
    """Stop here if this is a point that was asked for, until somebody sends SIGCONT."""
    if VARIABLE in os.environ:  # not in what is started from here
        _left.update(os.environ.pop(VARIABLE).split(","))
    if name not in _left:
        return
    _left.remove(name)
    if told := os.environ.get(FILE):
        with Path(told).open("a") as file:
            file.write(f"{name}\n")
    os.kill(os.getpid(), signal.SIGSTOP)
