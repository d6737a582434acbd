"""Which version a program is of: the one that is installed, and the one that a process runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from tenfold.topology.process import Command

ASKED_WITH: Final = {
    "postgresql": "--version",
    "patroni": "--version",  # of the server that it looks after
    "nginx": "-v",
    "database_endpoint": "-v",
    "redis": "--version",
}
"""The option by which an engine's program tells its version, by engine; others have none."""

WITHIN_SECONDS: Final = 10.0
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[a-z]+\d*)?")

Run = Callable[[Command], tuple[int, str]]
"""Runs a command where the engine is; gives its exit code and what it said."""


def version_of(engine: str, program: str, run: Run) -> str | None:
    """What the program says of itself; ``None`` where it has no words for it, or does not run."""
    option = ASKED_WITH.get(engine)
    if option is None:
        return None
    command = Command((program, option), within_seconds=WITHIN_SECONDS, thorough=False)
    code, said = run(command)
    found = _VERSION.search(said) if code == 0 else None
    return found[0] if found else None


def of_process(pid: int) -> str:
    """The program that a process executes, as a path: also when another file took its place.

    Linux keeps the file for as long as a process executes it; see proc(5).
    """
    return f"/proc/{pid}/exe"
