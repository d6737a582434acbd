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
