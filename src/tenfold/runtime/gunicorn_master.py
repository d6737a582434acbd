"""Runs a WSGI app under the gunicorn of its own environment: master and workers as one unit."""

from __future__ import annotations

import importlib
import importlib.util
import os
import socket
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from . import gunicorn_workers, servers
from .board import Row
from .failures import StartFailed, describe
from .gunicorn_group import Group
from .gunicorn_workers import BOOT_FAILED
from .settings import RunSettings

CONFIG_FILE: Final = "gunicorn.conf.py"
KILL_SECONDS: Final = 2
# What the unit decides, whatever the user's file says. Anything that listens, detaches or replaces
# processes behind the agent's back is off, and so is what the edge would not understand.
FIXED: Final[dict[str, Any]] = {
    "certfile": None,
    "control_socket_disable": True,
    "daemon": False,
    "enable_backlog_metric": False,
    "keyfile": None,
    "pidfile": None,
    "proxy_protocol": False,
    "reload": False,
    "reuse_port": False,
    # Workers leave by order and in their own time; this is only for those that are stuck.
    "graceful_timeout": KILL_SECONDS,
}


def run(group: Group, fd: int) -> int:
    """Serve until told to leave; 0 is the exit code.

    Raises:
        StartFailed: gunicorn is missing, or the app cannot be imported.
        SystemExit: also in every worker, where it must be let through.
    """
    # The control socket has threads in the master; its module says why a fork may pass them.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork.*")
    servers.require("gunicorn")
    arbiter = _master(group, fd)
    try:
        arbiter.run()
    except SystemExit as end:
        if arbiter.pid != os.getpid() or not group.board.error:
            raise
        raise StartFailed(group.board.error) from end
    return 0


class _Listening(socket.socket):
    """The inherited socket, as gunicorn's log shall name it.

    Accepted connections inherit TCP_NODELAY from it, as from gunicorn's own: without it an answer
    on a kept connection waits 40 ms for the client's delayed acknowledgement.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(fileno=fd)
        if self.family in (socket.AF_INET, socket.AF_INET6):
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __str__(self) -> str:
        address, port = self.getsockname()[:2]
        return f"http://{address}:{port}"


class _Master:
    """gunicorn's master, on an inherited socket, that ends when its workers have left."""

    # From gunicorn's class, or set by :func:`_master`:
    WORKERS: dict[int, Any]
    log: Any
    stop: Callable[[bool], None]
    halt_server: type[Exception]

    def __init__(self, application: Any, group: Group, fd: int) -> None:
        self.group = group
        self.deadline: float | None = None
        self.pid = os.getpid()
        group.watch(self.taken)
        super().__init__(application)  # type: ignore[call-arg]
        self.LISTENERS = [_Listening(fd)]

    def taken(self) -> set[int]:
        """Rows of the workers that live."""
        return {worker.number for worker in list(self.WORKERS.values())}

    def spawn_worker(self) -> int:
        """Fork one; only the master returns."""
        pid: int = super().spawn_worker()  # type: ignore[misc]
        self.WORKERS[pid].channel.in_master()
        return pid

    def manage_workers(self) -> None:
        """Keep up the number of workers, or see whether the last has left."""
        if not self.group.process.leaving:
            super().manage_workers()  # type: ignore[misc]
        elif not self.WORKERS:
            raise StopIteration
        elif self.deadline is not None and time.monotonic() > self.deadline:
            self.stop(False)
            raise StopIteration

    def reap_workers(self) -> None:
        """A worker that ends before it has imported the app ends the group."""
        before = list(self.WORKERS.values())
        try:
            super().reap_workers()  # type: ignore[misc]
        except self.halt_server:
            if not self.group.process.leaving:
                raise
        if self.group.serves() or self.group.process.leaving:
            return
        for worker in before:
            if worker not in self.WORKERS.values() and not worker.row.cells[Row.BOOTED]:
                self.group.board.error = _ended(self.group.settings.entry)
                raise self.halt_server("a worker ended while it started", BOOT_FAILED)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """The end of the master. What failed is known before the last worker is gone."""
        if self.group.board.error:
            self.group.process.fail(self.group.board.error)
        self.group.process.leaving = True
        super().halt(reason, exit_status)  # type: ignore[misc]

    def handle_term(self) -> None:
        """SIGTERM: leave in order, within a bound."""
        if not self.group.serves():
            raise StopIteration
        if self.deadline is None:
            leaving = self.group.process.leaving
            self.deadline = time.monotonic() + self.group.settings.signal_seconds(leaving=leaving)
            self.group.leave()

    handle_int = handle_quit = handle_term

    def ignore(self) -> None:
        """A new configuration or number of workers comes as a new process."""
        self.log.warning("Signal ignored: processes are replaced here, not reloaded")

    handle_hup = handle_usr2 = handle_ttin = handle_ttou = handle_winch = ignore


def _master(group: Group, fd: int) -> Any:
    arbiter = importlib.import_module("gunicorn.arbiter").Arbiter
    halt_server = importlib.import_module("gunicorn.errors").HaltServer
    made = type("Master", (_Master, arbiter), {"halt_server": halt_server})
    return made(_application(group), group, fd)


def _application(group: Group) -> Any:
    base = importlib.import_module("gunicorn.app.base").BaseApplication

    class Application(base):  # type: ignore[misc,valid-type]
        """The app's configuration and entry point, as gunicorn wants them."""

        def load_config(self) -> None:
            """Defaults; the user's file is read by :func:`_configure`."""

        def load(self) -> Any:
            """Import the app."""
            return gunicorn_workers.load(group.settings.entry)

    application = Application()
    _configure(application.cfg, group)
    return application


def _configure(cfg: Any, group: Group) -> None:
    """Our defaults, then the user's ``gunicorn.conf.py``, then what the unit decides."""
    settings = group.settings
    _set(cfg, _defaults(settings))
    wanted = _users(cfg)
    _set(cfg, wanted)
    fixed = {
        **FIXED,
        "bind": ["fd://0"],
        "keepalive": settings.keepalive_seconds,
        "workers": settings.workers,
    }
    if settings.threads > 1:
        fixed["threads"] = settings.threads
    for name in sorted(fixed.keys() & wanted.keys()):
        if wanted[name] != fixed[name]:
            _note(f"{CONFIG_FILE} sets {name}; Tenfold decides it instead")
    _set(cfg, fixed)
    wanted_class = cfg.settings["worker_class"].get()
    kind = getattr(wanted_class, "__name__", str(wanted_class)).rpartition(".")[2]
    if kind not in ("sync", "gthread", "SyncWorker", "ThreadWorker"):
        raise StartFailed(
            f"{CONFIG_FILE} asks for workers of the class {kind}: only sync and gthread can be "
            f"handed over without failing requests."
        )
    threaded = cfg.threads > 1 or kind in ("gthread", "ThreadWorker")
    cfg.set("worker_class", gunicorn_workers.install(group, threaded=threaded))
    _find_modules(cfg)


def _find_modules(cfg: Any) -> None:
    """Where the app's modules are, as gunicorn's own command does it."""
    os.chdir(cfg.chdir)
    for path in (cfg.chdir, *(cfg.pythonpath or "").split(",")):
        found = str(Path(path).absolute())
        if path and found not in sys.path:
            sys.path.insert(0, found)


def _defaults(settings: RunSettings) -> dict[str, Any]:
    return {
        "forwarded_allow_ips": ",".join(settings.trusted),
        "threads": settings.threads,
        # A worker that is silent for longer is killed: a sync worker is, during a request.
        "timeout": int(settings.drain_seconds) + 5,
    }


def _users(cfg: Any) -> dict[str, Any]:
    """What the user's file sets.

    Raises:
        StartFailed: it cannot be read.
    """
    path = Path.cwd() / CONFIG_FILE
    if not path.exists():
        return {}
    spec = importlib.util.spec_from_file_location("__config__", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["__config__"] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - whatever the file raises
        raise StartFailed(describe(error, f"{CONFIG_FILE} could not be read")) from None
    return {name: value for name, value in vars(module).items() if name in cfg.settings}


def _set(cfg: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name in cfg.settings:
            try:
                cfg.set(name, value)
            except Exception as error:  # noqa: BLE001 - whatever gunicorn finds wrong with it
                raise StartFailed(f"{CONFIG_FILE}: {name} = {value!r}: {error}") from None


def _note(text: str) -> None:
    print(f"tenfold: {text}", flush=True)  # noqa: T201


def _ended(entry: str) -> str:
    return (
        f"A worker ended while it imported {entry}, without an exception of Python: "
        f"its last lines in the log may say why."
    )
