"""Named points at which crash tests hold the agent, to kill it just there.

``TENFOLD_PAUSE_AT=<point>`` in the agent's environment makes it write the file ``paused.<point>``
into ``<root>/agent`` when it gets there and go no further. A successor finds the file and passes.
Unset, as it always is outside of tests, a point costs one look into the environment.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

VARIABLE = "TENFOLD_PAUSE_AT"


async def pause_point(name: str, root: Path) -> None:
    """Stay here for good if this is the point that was asked for and it is the first visit."""
    if os.environ.get(VARIABLE) != name:
        return
    reached = root / "agent" / f"paused.{name}"
    if reached.exists():
        return
    reached.write_text(str(os.getpid()))
    await asyncio.Event().wait()
