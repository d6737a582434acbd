"""Finds the app: imports ``module:attribute``, calls a factory, tells ASGI from WSGI."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from types import ModuleType
from typing import Any

from .failures import Interrupted, StartFailed, describe


def load(entry: str) -> Any:
    """The app object; ``module:factory()`` calls the factory without arguments.

    Raises:
        StartFailed: no such module or attribute, or its code raised (``SystemExit`` included).
    """
    module_name, _, path = entry.partition(":")
    if not module_name or not path:
        raise StartFailed(
            f'"{entry}" is not an entry point: write module:attribute, as in main:app'
        )
    called = path.endswith("()")
    found = _attribute(_module(module_name, entry), path.removesuffix("()"), entry)
    return _call(found, entry) if called else found


def _module(name: str, entry: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            where = sys.path[0] if sys.path else ""
            raise StartFailed(
                f'There is no module "{error.name}" for the entry point {entry}.\n'
                f"Looked in {where} and in the packages of {sys.executable}."
            ) from None
        what = (
            f'{entry} could not be imported: there is no module "{error.name}" in {sys.executable}'
        )
        raise StartFailed(describe(error, what)) from None
    except Interrupted:
        raise
    except SystemExit as error:
        what = f"{entry} called sys.exit({error.code!r}) while it was imported"
        raise StartFailed(describe(error, what)) from None
    except Exception as error:  # noqa: BLE001 - whatever the app raises
        raise StartFailed(describe(error, f"{entry} could not be imported")) from None


def _attribute(module: ModuleType, path: str, entry: str) -> Any:
    found: Any = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise StartFailed(_missing(module, part, entry)) from None
    return found


def _missing(module: ModuleType, name: str, entry: str) -> str:
    public = [n for n, value in vars(module).items() if not n.startswith("_") and callable(value)]
    near = difflib.get_close_matches(name, public, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f'{module.__name__} ({module.__file__}) has no "{name}", which {entry} names.{hint}'


def _call(factory: Any, entry: str) -> Any:
    try:
        return factory()
    except Interrupted:
        raise
    except SystemExit as error:
        raise StartFailed(describe(error, f"{entry} called sys.exit({error.code!r})")) from None
    except Exception as error:  # noqa: BLE001 - whatever the app raises
        raise StartFailed(describe(error, f"{entry} raised")) from None


def interface(app: Any) -> str:
    """``asgi3``, ``asgi2`` or ``wsgi``, from the signature of what a server would call.

    An async callable is ASGI 3, as is a class whose instances can be awaited; of the others the
    number of required arguments decides: one is ASGI 2, two are WSGI, three are ASGI 3.
    """
    if inspect.isclass(app):
        return "asgi3" if hasattr(app, "__await__") else "asgi2"
    call = app if inspect.isroutine(app) else type(app).__call__
    if inspect.iscoroutinefunction(inspect.unwrap(call)):
        return "asgi3"
    return {1: "asgi2", 3: "asgi3"}.get(_required(app), "wsgi")


def _required(app: Any) -> int:
    try:
        parameters = inspect.signature(app).parameters.values()
    except (TypeError, ValueError):
        return 2
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in positional and p.default is p.empty for p in parameters)
