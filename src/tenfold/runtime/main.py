"""Entry of the launcher: read the settings, open the control socket, run the server."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import Final

from ..wiring import control
from . import lines
from . import settings as run_settings
from .control_socket import ControlSocket
from .failures import StartFailed
from .servers import COMMAND, MODULES
from .state import ProcessState

UNREAD_SECONDS: Final = 5.0
USAGE: Final = (
    "usage: _tenfold_launch.py SETTINGS.json --fd N | --inspect MODULE:ATTRIBUTE | --render"
)


def main(arguments: list[str]) -> int:
    """Run and return the process's exit code (2 for a wrong call, 3 for an app that failed)."""
    match arguments:
        case ["--inspect", entry]:
            from .inspecting import inspect_entry

            sys.path.insert(0, str(Path.cwd()))
            return inspect_entry(entry)
        case ["--render"]:
            from .rendering import render

            return render()
        case [path, "--fd", number] if number.isdigit():
            return _serve(run_settings.read(path), int(number))
    print(USAGE, file=sys.stderr)  # noqa: T201
    return 2


def _serve(settings: run_settings.RunSettings, fd: int) -> int:
    if settings.server == COMMAND:
        return _serve_command(settings, fd)
    lines.install()
    # As under "uvicorn main:app" and "gunicorn main:app": the server is imported, then the working
    # directory comes first. So a click.py of the app's is not what uvicorn gets. What is missing
    # is told later, when there is a socket to tell it on.
    if settings.server not in MODULES:
        raise ValueError(f"unknown server {settings.server!r}")
    with contextlib.suppress(ImportError):
        importlib.import_module(MODULES[settings.server])
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = [settings.server, settings.entry]
    os.set_inheritable(fd, False)
    if settings.server == "gunicorn":
        return _serve_gunicorn(settings, fd)
    return _serve_asgi(settings, fd)


def _serve_command(settings: run_settings.RunSettings, fd: int) -> int:
    from .command_process import CommandProcess

    os.set_inheritable(fd, False)
    state = ProcessState(settings.release)
    process = CommandProcess(settings, state, fd)
    socket = ControlSocket(settings.control, process.order, state.note_answered)
    socket.open()
    try:
        return process.run()
    except StartFailed as failure:
        return report(state, str(failure))
    finally:
        socket.close()


def _serve_asgi(settings: run_settings.RunSettings, fd: int) -> int:
    from .asgi_process import AsgiProcess

    state = ProcessState(settings.release)
    if settings.server == "hypercorn":
        from . import hypercorn_connections, hypercorn_server

        process = AsgiProcess(
            settings, state, fd, hypercorn_server.HypercornServer, hypercorn_connections.may_close
        )
    else:
        from . import uvicorn_connections, uvicorn_server

        process = AsgiProcess(
            settings,
            state,
            fd,
            uvicorn_server.UvicornServer,
            uvicorn_connections.may_close,
            uvicorn_connections.complain,
        )
    socket = ControlSocket(settings.control, process.order, state.note_answered)
    socket.open()
    try:
        code = process.run()
    except StartFailed as failure:
        return report(state, str(failure))
    finally:
        socket.close()
    if process.was_cut_off:
        _exit_without_threads(code)
    return code


def _exit_without_threads(code: int) -> None:
    """Python waits for threads that run; those of requests that were cut off may run for ever."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _serve_gunicorn(settings: run_settings.RunSettings, fd: int) -> int:
    from . import gunicorn_master
    from .gunicorn_group import Group

    state = ProcessState(settings.release)
    group = Group(settings, state)
    group.socket.open()
    try:
        return gunicorn_master.run(group, fd)
    except StartFailed as failure:
        return report(state, str(failure))
    finally:
        # Forked workers pass here too; the socket knows whose it is.
        group.socket.close()


def report(state: ProcessState, error: str) -> int:
    """Say why the app failed, in the log and to whoever asks within five seconds."""
    print(error, file=sys.stderr, flush=True)  # noqa: T201
    state.fail(error)
    state.error_was_read.wait(UNREAD_SECONDS)
    return control.FAILED_EXIT_CODE
