"""Renders an app's pages without a server: the process behind :mod:`..wiring.rendering`.

``python _tenfold_launch.py --render``. Nothing listens. The pipe that Tenfold reads is out of the
app's way before the app is imported: whatever prints, in Python or below it, prints to standard
error.
"""

from __future__ import annotations

import asyncio
import ctypes
import faulthandler
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, Final

from ..wiring import rendering as wire
from . import importing
from .failures import StartFailed
from .render_asgi import AsgiPages
from .render_page import Page, Said, watch_frameworks
from .render_wsgi import WsgiPages

PR_SET_PDEATHSIG: Final = 1
MOST_LINE: Final = 1 << 16
START_FAILED: Final = 3


def render() -> int:
    """Answer until standard input ends; 0, or 3 when the app did not start."""
    _end_with_parent()
    requests, answers = _out_of_the_way()
    # What a process does that is told to end by SIGABRT, because a page takes too long: it says
    # where it was.
    faulthandler.enable(file=2, all_threads=True)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    said = Said(2)
    sys.stdout = sys.stderr = said
    reader = open(requests, "rb", buffering=MOST_LINE)  # noqa: SIM115 - for the whole process
    settings = wire.settings_from(reader.readline(MOST_LINE))
    sys.path.insert(0, str(Path.cwd()))
    sys.argv = ["tenfold", settings.entry]
    page = Page(answers, said, settings)
    try:
        app = importing.load(settings.entry)
        kind = importing.interface(app)
        if settings.interface != "auto":
            kind = {"asgi": "asgi3" if kind == "wsgi" else kind}.get(settings.interface, "wsgi")
        watch_frameworks(page)
        if kind == "wsgi":
            return _wsgi(WsgiPages(app, page), reader, page)
        return asyncio.run(AsgiPages(app, page, two=kind == "asgi2").serve(reader))
    except StartFailed as failure:
        page.fail(str(failure).partition("\n")[0], str(failure))
        return START_FAILED


def _end_with_parent() -> None:
    """Whoever asks may be killed while a page takes its time: nobody would want it then."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _out_of_the_way() -> tuple[int, int]:
    """Descriptors of the two pipes that the app does not meet, nor its children."""
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _wsgi(pages: WsgiPages, reader: Any, page: Page) -> int:
    page.ready("wsgi")
    while request := reader.readline(MOST_LINE):
        pages.render(*page.begin(request))
    return 0
