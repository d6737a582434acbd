"""Whoever interrupts before a command begins is told that nothing changed, without a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

IMPATIENT = """
import sys

class Impatient:
    def find_spec(self, name, path=None, target=None):
        if name == {when!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Impatient())
sys.argv[1:] = ["up"]
from tenfold.__main__ import main
main()
"""


@pytest.mark.parametrize("when", ["tenfold.spec.read", "tenfold.cli.up", "tenfold.deployment.work"])
def test_while_it_is_loaded(when: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPATIENT.format(when=when)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.strip() == "interrupted before anything was begun; nothing changed"
    assert (done.returncode, done.stdout) == (130, "")
