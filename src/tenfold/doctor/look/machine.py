"""This machine: what the kernel says, and which engines there are."""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
from pathlib import Path

import psutil

from tenfold.agent import sockets
from tenfold.deployment.toolbox import toolbox
from tenfold.doctor.facts import MachineFacts
from tenfold.errors import TenfoldError
from tenfold.release.store import Store
from tenfold.spec.model import AppSpec
from tenfold.state.layout import Layout
from tenfold.topology.process import Listen

STA_UNSYNC = 0x40
_TIMEX_BYTES = 512
_STATUS_PLACE = 10
"""``status`` in ``struct timex``, in units of an int, where a long has eight bytes."""


def look(
    layout: Layout,
    spec: AppSpec | None,
    *,
    runs: bool,
    port: int | None,
    now: float,
    newer: tuple[tuple[str, str, str], ...] = (),
) -> MachineFacts:
    """What the checks of the machine ask for. ``port`` is the one that ``--port`` chose."""
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(layout.project)
    files = os.statvfs(layout.project)
    # Another environment takes any free port, the first time.
    is_free = layout.environment is not None and port is None
    releases = Store(layout.shelf).releases() if layout.exists() else ()
    return MachineFacts(
        system=platform.system(),
        processor=platform.machine(),
        memory_bytes=memory.total,
        memory_free_bytes=memory.available,
        disk_bytes=disk.total,
        disk_free_bytes=disk.free,
        files_free=files.f_favail if files.f_files else None,
        open_files=_open_files(),
        accept_queue=_accept_queue(),
        clock=_clock(),
        now=now,
        newest=max((r.built_at for r in releases), default=None),
        engines=_engines(spec),
        newer=newer,
        listens=None if runs or spec is None or is_free else _listens(spec, port),
    )


def _open_files() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1 << 31 if hard == resource.RLIM_INFINITY else hard


def _accept_queue() -> int | None:
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text())
    except (OSError, ValueError):
        return None


def _clock() -> bool | None:
    """Whether the kernel's clock is synchronised; it does not say so everywhere."""
    if platform.system() != "Linux" or ctypes.sizeof(ctypes.c_long) != 8:
        return None
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # no modes: only asks
    try:
        if ctypes.CDLL(None, use_errno=True).adjtimex(timex) < 0:
            return None
    except (OSError, AttributeError):
        return None
    status = ctypes.cast(timex, ctypes.POINTER(ctypes.c_int))[_STATUS_PLACE]
    return not status & STA_UNSYNC


def _engines(spec: AppSpec | None) -> tuple[tuple[str, str], ...]:
    try:
        toolbox(spec or AppSpec.model_validate({"name": "app", "app": "app:app"}))
    except TenfoldError as error:
        told = f"{error.what} ({error.detail})" if error.detail else error.what
        return ((told, error.next or ""),)
    return ()


def _listens(spec: AppSpec, port: int | None) -> tuple[str, str] | None:
    wanted = spec.edge.port if port is None else port
    try:
        sockets.bind(Listen("edge", spec.edge.address, wanted)).socket.close()
    except TenfoldError as error:
        return error.what, error.next or "correct [edge] address and port"
    return None
