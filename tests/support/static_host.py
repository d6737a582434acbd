"""A folder as a plain host serves it, and what somebody else's link checker says of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port


@dataclass(frozen=True)
class Host:
    """Python's own server, on a port of its own; it knows folders with an index, and no more."""

    port: int

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a path."""
        try:
            with urllib.request.urlopen(self.url(path), timeout=20) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def served(folder: Path) -> Iterator[Host]:
    """The folder, served while the block runs."""
    host = Host(free_port())
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", folder, str(host.port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(host.port)
        yield host
    finally:
        server.terminate()
        server.wait(10)


def broken_links(host: Host, *pages: str) -> list[str]:
    """What LinkChecker, which is nobody's of ours, finds from these pages on."""
    checker = Path(sys.executable).with_name("linkchecker")
    done = subprocess.run(
        [checker, "--no-robots", "--no-warnings", "--no-status", "-o", "csv"]
        + [host.url(page) for page in pages],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "HOME": os.environ.get("TMPDIR", "/tmp")},
    )
    assert done.returncode in (0, 1), done.stderr
    assert "urlname" in done.stdout, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("#")]
    return lines[1:]


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.05)
