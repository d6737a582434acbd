"""What granian imports instead of the app: the app, told by the edge who asks.

``TENFOLD_ENTRY`` names the app. When it cannot be imported granian itself is ended, which would
else start such a worker again and again.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from . import importing, lines
from .failures import StartFailed
from .forwarded import Forwarded, ForwardedWsgi
from .settings import RunSettings


def _load(entry: str) -> Any:
    lines.install()
    try:
        found = importing.load(entry)
    except StartFailed as failure:
        print(failure, file=sys.stderr, flush=True)  # noqa: T201
        os.kill(os.getppid(), signal.SIGTERM)
        raise SystemExit(1) from None
    if importing.interface(found) == "wsgi":
        return ForwardedWsgi(found, RunSettings.trusted)
    return Forwarded(found, RunSettings.trusted)


def __getattr__(name: str) -> Any:
    """``app``, made when granian asks for it."""
    if name != "app":
        raise AttributeError(name)
    made = globals()["app"] = _load(os.environ["TENFOLD_ENTRY"])
    return made
