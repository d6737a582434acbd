from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.cli.completion import SHELLS, VARIABLE

TENFOLD = Path(sys.executable).with_name("tenfold")


def said(*arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [str(TENFOLD), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_of_the_shell(shell: str) -> None:
    script = said("completion", shell)
    assert VARIABLE in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=60)


def test_commands_and_options_are_completed() -> None:
    def completed(words: str, number: int) -> list[str]:
        text = said(**{VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)})
        return [line.partition(",")[2] for line in text.splitlines()]

    assert completed("tenfold re", 1) == [
        "rehearse", "resume", "reverse", "report",
    ]  # fmt: skip
    assert "--prepare-only" in completed("tenfold grow --pre", 2)


def test_commands_of_a_command_and_environments_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = 'name = "shop"\napp = "shop:app"\n[environments.staging]\n[environments.try]\n'
    (tmp_path / "tenfold.toml").write_text(toml)
    monkeypatch.chdir(tmp_path)

    def completed(words: str, number: int) -> list[str]:
        text = said(**{VARIABLE: "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)})
        return [line.partition(",")[2] for line in text.splitlines()]

    assert completed("tenfold secrets ", 2) == ["import", "list", "set", "unset"]
    assert completed("tenfold maintenance o", 2) == ["on", "off"]
    assert completed("tenfold --env st", 2) == ["staging"]
    assert set(completed("tenfold con", 1)) == {"console"}
    assert "--until" in completed("tenfold maintenance on --", 3)
