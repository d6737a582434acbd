"""Background workers of a project, looked at from outside."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
from tests.support.project import Project


def workers(project: Project) -> dict[str, str]:
    return {u["name"].partition(".")[0]: u["state"] for u in project.units("worker")}


def until(condition: Callable[[], Any], subject: str, within: float = 60.0) -> Any:
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {within} s for {subject}"
        time.sleep(0.1)
    return found


@contextmanager
def counted(project: Project, word: str) -> Iterator[list[int]]:
    """How many processes with this word in their command line ran at once, looked at all along."""
    seen, over = [], threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            seen.append(len(running(project, word)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


def running(project: Project, word: str) -> set[int]:
    """Sessions, each of one unit, in which a process of the project has this word."""
    found = set()
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if word not in words or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if any(str(project.path) in text for text in (*words, *process.environ().values())):
                found.add(os.getsid(process.pid))
        except (psutil.Error, ProcessLookupError):
            continue
    return found
