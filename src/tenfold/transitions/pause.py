"""Named points at which crash tests stop a command, to kill it just there or to let it wake later.

``TENFOLD_STOP_AT=Fence.before`` in its environment has it send itself SIGSTOP when it is about to
perform the first step of that kind; ``.after``: when the step is performed and not yet journaled.
Unset, as it always is outside of tests, a point costs one look into the environment.
"""

from __future__ import annotations

import os
import signal

VARIABLE = "TENFOLD_STOP_AT"


def stop_point(name: str) -> None:
    """Stop here if this is the point that was asked for, until somebody sends SIGCONT."""
    if os.environ.get(VARIABLE) == name:
        del os.environ[VARIABLE]  # only once, and not in what is started from here
        os.kill(os.getpid(), signal.SIGSTOP)
