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

layout = Layout(Path(sys.argv[1]), environment=sys.argv[2] or None)
with standing_by(layout, waits=lambda: sys.argv[3] == "held"):
    print("ready", flush=True)
    if sys.argv[3] == "killed":
        time.sleep(60)
"""


def command_of(project: Path, environment: str, end: str) -> subprocess.Popen[str]:
    """A command with somebody standing by; it waits to be killed, or ends."""
    (project / "tenfold.toml").write_text(
        'name = "shop"\napp = "shop:app"\n[environments.staging]\n[environments.other]\n'
    )
    for name in (".tenfold", ".tenfold-staging", ".tenfold-other"):
        (project / name).mkdir()
    command = subprocess.Popen(
        [sys.executable, "-c", STAND_BY, str(project), environment, end],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert command.stdout is not None
    assert command.stdout.readline() == "ready\n"
    return command


def require_let_go(state: Path) -> None:
    """The command that lets go was given for this deployment; here there is none, so is refused."""
    deadline = time.monotonic() + 60
    while [e.outcome for e in Log(state / "audit.jsonl").entries()] != ["refused"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("environment", ["", "staging"])
def test_whoever_stands_by_lets_go_in_the_environment_of_the_command(
    tmp_path: Path, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TENFOLD_ENV", "other")
    command = command_of(tmp_path, environment, "killed")
    command.kill()
    command.communicate()
    meant = tmp_path / (f".tenfold-{environment}" if environment else ".tenfold")
    require_let_go(meant)
    assert [path.parent.name for path in tmp_path.glob(".tenfold*/audit.jsonl")] == [meant.name]


def test_whoever_stands_by_is_sent_home_only_when_nobody_waits(tmp_path: Path) -> None:
    command = command_of(tmp_path, "", "held")
    command.communicate()
    assert command.returncode == 0
    require_let_go(tmp_path / ".tenfold")


def test_whoever_stands_by_for_nobody_goes_home(tmp_path: Path) -> None:
    command = command_of(tmp_path, "", "free")
    command.communicate()  # it has waited for whoever stood by
    assert command.returncode == 0
    assert not (tmp_path / ".tenfold" / "audit.jsonl").exists()
