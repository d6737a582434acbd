"""What the agent says of itself: its standard output is ``logs/agent.log`` of the host."""

from __future__ import annotations

import contextlib
import os
import time


def say(text: str) -> None:
    """One line with time and pid. A full disk is no reason to end, so it is not reported here."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with contextlib.suppress(OSError):
        print(f"{stamp} [{os.getpid()}] {text}", flush=True)  # noqa: T201
