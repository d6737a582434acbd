"""Watches the arguments of every process of this machine, for what must not be in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def watched(secret: str) -> Iterator[list[str]]:
    """Gives a list, which has at the end every command line that had the secret in it."""
    found: list[str] = []
    over = threading.Event()
    looks = 0

    def look() -> None:
        nonlocal looks
        while not over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    if secret.encode() in (content := path.read_bytes()):
                        found.append(content.decode(errors="replace"))
            looks += 1

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        assert looks > 2, "it looked while something happened"
