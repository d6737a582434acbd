"""Tells about an app without serving it: can it be imported, what is it, what could serve it."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from typing import Any, Final

from . import importing
from .failures import StartFailed

SERVERS: Final = ("uvicorn", "gunicorn", "uvloop", "httptools", "websockets", "wsproto")
FRAMEWORKS: Final = ("fastapi", "starlette", "django", "flask", "quart", "litestar", "falcon")


def inspect_entry(entry: str) -> int:
    """Print one JSON object about ``module:attribute``; 0, or 1 when it cannot be imported.

    The object has ``ok``, ``python``, ``executable`` and ``servers`` (name to version), and either
    ``interface`` (``asgi`` or ``wsgi``) and ``framework`` (or null), or ``error``.
    """
    # The app may print while it is imported; standard output carries the object alone.
    out, sys.stdout = sys.stdout, sys.stderr
    try:
        report = about(entry)
    finally:
        sys.stdout = out
    print(json.dumps(report))  # noqa: T201
    return 0 if report["ok"] else 1


def about(entry: str) -> dict[str, Any]:
    """What :func:`inspect_entry` prints."""
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "executable": sys.executable,
        "servers": {name: v for name in SERVERS if (v := _version(name)) is not None},
    }
    try:
        app = importing.load(entry)
    except StartFailed as failure:
        return {"ok": False, "error": str(failure), **report}
    interface = importing.interface(app)[:4]
    return {"ok": True, "interface": interface, "framework": framework(app), **report}


def framework(app: object) -> str | None:
    """The framework whose class the app is of, by the module its classes come from."""
    roots = [c.__module__.partition(".")[0] for c in type(app).__mro__]
    return next((name for name in FRAMEWORKS if name in roots), None)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
