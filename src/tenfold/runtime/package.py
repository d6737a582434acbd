"""Which files make up the runtime, for whoever copies it beside a release."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PACKAGE: Final = "_tenfold"
LAUNCHER: Final = "_tenfold_launch.py"


def files() -> dict[str, Path]:
    """What to copy, as ``{path relative to the runtime's directory: source}``.

    The result is complete: with these files in one directory, ``<python> <dir>/_tenfold_launch.py``
    works, whatever else is installed in that interpreter's environment.
    """
    runtime = Path(__file__).parent
    tenfold = runtime.parent
    found = {LAUNCHER: runtime / LAUNCHER, f"{PACKAGE}/__init__.py": tenfold / "wiring/__init__.py"}
    for folder in (runtime, tenfold / "wiring"):
        for source in sorted(folder.glob("*.py")):
            if source.name != LAUNCHER:
                found[f"{PACKAGE}/{folder.name}/{source.name}"] = source
    return found
