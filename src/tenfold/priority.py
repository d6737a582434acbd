"""Standing back: work that nobody waits for leaves the processor to whoever serves.

Where the kernel groups processes by their session for its scheduler (*autogroup*, on by default in
many distributions), a process's nice value counts within its session alone. Units and PostgreSQL's
backends have sessions of their own, so the group's value is what matters between them. See
sched(7), "The autogroup feature".
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

NICE: Final = 10
"""About a tenth of the weight that others have."""


def stand_back() -> None:
    """Have this process, and its session, work only while nobody else wants to."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(now, NICE))
    with suppress(OSError):  # a kernel without it
        Path("/proc/self/autogroup").write_text(str(NICE))
