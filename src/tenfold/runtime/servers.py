"""The app servers that this runtime knows, as the app's own environment has them."""

from __future__ import annotations

import importlib
import importlib.metadata
import re
import sys
from typing import Any, Final

from .failures import StartFailed

# Any program that serves HTTP, started by its command line.
COMMAND: Final = "command"
# What is imported before the app's modules can be found, and the oldest version that is tested.
MODULES: Final = {
    "uvicorn": "uvicorn",
    "gunicorn": "gunicorn.app.base",
    "hypercorn": "hypercorn.asyncio",
}
OLDEST: Final = {"uvicorn": (0, 23), "gunicorn": (21, 2), "hypercorn": (0, 17), "granian": (2, 0)}


def require(name: str) -> Any:
    """The server's package.

    Raises:
        StartFailed: it is missing, lacks something it needs, or is too old.
    """
    try:
        module = importlib.import_module(name)
        importlib.import_module(MODULES[name])
    except ModuleNotFoundError as error:
        raise StartFailed(
            f"The app's environment has no {error.name}: {sys.executable} cannot import it.\n"
            f"Install it there and list it among the app's dependencies: pip install {name}"
        ) from None
    version = getattr(module, "__version__", None) or importlib.metadata.version(name)
    if _numbers(version) < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        raise StartFailed(
            f"{name} {version} of {sys.executable} is too old; "
            f"it has to be {oldest} or later: pip install --upgrade {name}"
        )
    return module


def part(module: str) -> Any:
    """A module of a server that :func:`require` has found."""
    return importlib.import_module(module)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
