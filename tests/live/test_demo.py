"""``make demo`` from its first line to its last, in a copy of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support import examples
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(2400), pytest.mark.few(0)]
ACTS = (
    "Before there are users",
    "The app comes up behind them",
    "Believable content",
    "The next release",
    "What those users noticed",
    "The database moves to a host of its own",
    "What those users noticed",
    "Three zones",
    "What those users noticed",
    "The zone with the leader dies",
    "It is yours now",
)
LAST = ("tenfold drill kill-leader", "kill -9 any pid", "make demo-stop")


def demo(place: Path, *arguments: str, within: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "examples/demo.py", *arguments],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=within,
        check=False,
    )


def test_every_act_of_the_demo_is_played_and_nothing_runs_afterwards(workplace: Path) -> None:
    examples.conduit(workplace / "examples" / "conduit")
    shutil.copy(examples.EXAMPLES / "demo.py", workplace / "examples")
    shown = Project(workplace / ".demo" / "conduit")
    try:
        played = demo(workplace, within=1800)
        assert played.returncode == 0, played.stdout[-8000:]
        heads = [line for line in played.stdout.splitlines() if line.startswith("── ")]
        assert len(heads) == len(ACTS), heads
        for head, act in zip(heads, ACTS, strict=True):
            assert act in head, heads
        last = played.stdout.rpartition(heads[-1])[2]
        assert [words for words in LAST if words not in last] == [], last
        found = shown.status()
        assert (found["stage"], found["state"]) == ("1k", "running")
    finally:
        stopped = demo(workplace, "--stop", within=300)
        shown.close()
    assert stopped.returncode == 0, stopped.stdout
