"""The app servers that this runtime knows, as the app's own environment has them."""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any, Final

from .failures import StartFailed

# What is imported before the app's modules can be found, and the oldest version that is tested.
MODULES: Final = {"uvicorn": "uvicorn", "gunicorn": "gunicorn.app.base"}
OLDEST: Final = {"uvicorn": (0, 23), "gunicorn": (21, 2)}


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
    if _numbers(module.__version__) < OLDEST[name]:
        oldest = ".".join(map(str, OLDEST[name]))
        raise StartFailed(
            f"{name} {module.__version__} of {sys.executable} is too old; "
            f"it has to be {oldest} or later: pip install --upgrade {name}"
        )
    return module


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
