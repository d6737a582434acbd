"""Starts an app's server; lies beside the folder ``_tenfold`` and is run by the app's interpreter.

``python _tenfold_launch.py SETTINGS.json --fd N``, ``python _tenfold_launch.py --inspect ENTRY`` or
``python _tenfold_launch.py --render``.
"""

import sys
from pathlib import Path


def _start() -> int:
    """Import the runtime without leaving its folder on the app's import path."""
    here = str(Path(__file__).resolve().parent)
    if sys.path and str(Path(sys.path[0]).resolve()) == here:
        del sys.path[0]
    sys.path.insert(0, here)
    try:
        from _tenfold.runtime.main import main  # type: ignore[import-not-found,unused-ignore]
    finally:
        sys.path.remove(here)
    code: int = main(sys.argv[1:])
    return code


# A child process of the app that is started by "spawn" imports this file again.
if __name__ == "__main__":
    sys.exit(_start())
