"""A shell with the app in it: the framework's own where it has one, else Python's.

Run by the release's interpreter in the release's directory: ``console.main("module:attribute")``.
From a terminal it talks; what comes from a pipe or a file is run as one script.
"""

from __future__ import annotations

import code
import importlib
import importlib.util
import os
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn


def main(entry: str) -> None:
    """Open the shell; ends with the code of what it ran."""
    scripted = not sys.stdin.isatty()
    manage = _manage()
    if manage is not None:
        if scripted:
            _make_ready()
        _become([str(manage), "shell"])
    app = _load(entry)
    if _is(app, "flask", "Flask"):
        if not scripted:
            _become(["-m", "flask", "--app", entry, "shell"])
        _script({**app.make_shell_context(), "app": app}, app.app_context())
    elif _is(app, "django.core.handlers.base", "BaseHandler"):
        if scripted:
            _make_ready()
        management = importlib.import_module("django.core.management")
        management.execute_from_command_line(["django-admin", "shell"])
    elif scripted:
        _script({"app": app}, nullcontext())
    else:
        _talk({"app": app}, entry)


def _manage() -> Path | None:
    """The project's ``manage.py``, if it is one of Django's."""
    folders = [os.getcwd(), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    for folder in folders:
        path = Path(folder, "manage.py")
        with suppress(OSError):
            if "django" in path.read_text(errors="replace") and importlib.util.find_spec("django"):
                return path
    return None


def _become(arguments: list[str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is the point


def _make_ready() -> None:
    """Have all of a script lie there before Django looks whether there is one."""
    with tempfile.TemporaryFile() as script:
        while part := sys.stdin.buffer.read(1 << 16):
            script.write(part)
        script.seek(0)
        os.dup2(script.fileno(), 0)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole process


def _load(entry: str) -> Any:
    module_name, _, path = entry.partition(":")
    sys.path.insert(0, os.getcwd())
    found: Any = importlib.import_module(module_name)
    for part in path.removesuffix("()").split("."):
        found = getattr(found, part)
    return found() if path.endswith("()") else found


def _is(app: Any, module: str, name: str) -> bool:
    """Whether it is of a class of a framework, without importing one that it does not use."""
    known = getattr(sys.modules.get(module), name, None)
    return isinstance(known, type) and isinstance(app, known)


def _script(names: dict[str, Any], context: AbstractContextManager[Any]) -> None:
    names["__name__"] = "__console__"
    with context:
        exec(compile(sys.stdin.read(), "<stdin>", "exec"), names)  # noqa: S102 - what it is for


def _talk(names: dict[str, Any], entry: str) -> None:
    with suppress(ImportError):
        ipython = importlib.import_module("IPython")
        ipython.start_ipython(argv=["--no-banner"], user_ns=names)
        return
    with suppress(ImportError):
        readline = importlib.import_module("readline")
        completer = importlib.import_module("rlcompleter")
        readline.set_completer(completer.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    version = sys.version.partition(" ")[0]
    code.interact(f"Python {version}; app is {entry}", local=names, exitmsg="")
