"""Work that nobody waits for leaves the processor to whoever serves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tenfold.engines.postgresql.orders import stand_back as order
from tenfold.priority import NICE

WAITS = "import sys; print('runs', flush=True); sys.stdin.read()"
STANDS_BACK = f"from tenfold.priority import stand_back; stand_back(); {WAITS}"


@contextmanager
def process(text: str) -> Iterator[subprocess.Popen[str]]:
    """One with a session of its own, as units and backends have."""
    made = subprocess.Popen(
        [sys.executable, "-c", text],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with made:
        assert made.stdout is not None
        assert made.stdout.readline() == "runs\n"
        yield made
        assert made.stdin is not None
        made.stdin.close()


def nice_of(pid: int) -> tuple[int, str | None]:
    """Its own value, and that of its session where the kernel has one."""
    group = Path(f"/proc/{pid}/autogroup")
    told = group.read_text().split()[-1] if group.exists() else None
    return os.getpriority(os.PRIO_PROCESS, pid), told


def test_a_process_stands_back_with_its_session() -> None:
    with process(STANDS_BACK) as made:
        own, group = nice_of(made.pid)
        assert own >= NICE
        assert group in (str(NICE), None)


def test_backends_are_made_to_and_whoever_is_gone_does_not_matter() -> None:
    with process(WAITS) as one, process(WAITS) as other:
        pids = [one.pid, 2**22 + 1, other.pid]
        subprocess.run(order(pids).argv, check=True, capture_output=True)
        for pid in (one.pid, other.pid):
            own, group = nice_of(pid)
            assert own >= NICE
            assert group in (str(NICE), None)
