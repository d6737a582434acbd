from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tenfold.deployment.rescue import Watch
from tenfold.state.audit import Log


def test_patience_lasts_until_what_was_said_last() -> None:
    watch = Watch()
    assert watch.patience(100.0) is None
    watch.hear(b"5.5\n", 100.0)
    assert watch.patience(101.0) == 4.5
    assert watch.patience(200.0) == 0.0
    watch.hear(b"14.0\n", 103.0)
    assert watch.patience(103.0) == 14.0


def test_while_nobody_waits_there_is_time() -> None:
    watch = Watch()
    watch.hear(b"5.5\n-\n", 100.0)
    assert watch.patience(200.0) is None
    assert not watch.is_well


def test_a_word_may_come_in_pieces() -> None:
    watch = Watch()
    watch.hear(b"5", 100.0)
    assert watch.patience(100.0) is None
    watch.hear(b".5\nwel", 101.0)
    assert watch.patience(101.0) == 5.5
    assert not watch.is_well
    watch.hear(b"l\n", 102.0)
    assert watch.is_well


STAND_BY = """
import sys, time
from pathlib import Path
from tenfold.deployment.rescue import standing_by
from tenfold.state.layout import Layout

with standing_by(Layout(Path(sys.argv[1]), environment=sys.argv[2] or None)):
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("environment", ["", "staging"])
def test_whoever_stands_by_lets_go_in_the_environment_of_the_command(
    tmp_path: Path, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENFOLD_ENV", "other")
    (tmp_path / "tenfold.toml").write_text(
        'name = "shop"\napp = "shop:app"\n[environments.staging]\n[environments.other]\n'
    )
    for name in (".tenfold", ".tenfold-staging", ".tenfold-other"):
        (tmp_path / name).mkdir()
    command = subprocess.Popen(
        [sys.executable, "-c", STAND_BY, str(tmp_path), environment],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "ready\n"
    command.kill()
    command.communicate()
    meant = tmp_path / (f".tenfold-{environment}" if environment else ".tenfold")
    deadline = time.monotonic() + 60
    while [e.outcome for e in Log(meant / "audit.jsonl").entries()] != ["refused"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [path.parent.name for path in tmp_path.glob(".tenfold*/audit.jsonl")] == [meant.name]
