"""A user's project on disk, and ``tenfold`` as a user calls it: a process with arguments."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

import psutil
from tests.support.ports import free_port


def lowered(headers: Message) -> dict[str, str]:
    """Header names are not case-sensitive; here they are lower-case."""
    return {name.lower(): value for name, value in headers.items()}


@dataclass
class Answer:
    """An HTTP answer, errors included; header names are lower-case."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Project:
    """One app in a directory of its own, served on a port of its own."""

    path: Path
    port: int = field(default_factory=free_port)
    address: str = "127.0.0.1"
    """Of the edge that is asked."""

    def write(self, name: str, text: str) -> None:
        """A file of the project, dedented."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(textwrap.dedent(text))

    def tenfold(
        self, *arguments: str, timeout: float = 120, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; never raises for its exit code."""
        return subprocess.run(
            [sys.executable, "-m", "tenfold", *arguments],
            cwd=self.path,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that the test watches, interrupts or kills."""
        return subprocess.Popen(
            [sys.executable, "-m", "tenfold", *arguments],
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ok(self, *arguments: str, timeout: float = 120) -> str:
        """Run a command that must succeed; gives its output."""
        done = self.tenfold(*arguments, timeout=timeout)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def up(self) -> str:
        return self.ok("up", "-d", "--port", str(self.port))

    def status(self) -> dict[str, Any]:
        found = json.loads(self.ok("status", "--json"))
        assert isinstance(found, dict)
        return found

    def units(self, engine: str | None = None) -> list[dict[str, Any]]:
        """Units from ``status``, of one engine or all."""
        units = [u for host in self.status()["hosts"] for u in host["units"]]
        return [u for u in units if engine in (None, u["engine"])]

    def get(self, path: str = "/", *, timeout: float = 20) -> Answer:
        return self.request("GET", path, timeout=timeout)

    def request(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout: float = 20,
    ) -> Answer:
        """One request through the edge; an HTTP error is an answer, not an exception."""
        request = urllib.request.Request(
            f"http://{self.address}:{self.port}{path}",
            data=body,
            headers=headers or {},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.read(), lowered(answer.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.read(), lowered(error.headers))

    def processes(self) -> list[psutil.Process]:
        """Every process that works for this project: it has the project's path in view."""
        marks = (str(self.path), f"TENFOLD_STATE={self.path}")
        found = []
        for process in psutil.process_iter():
            try:
                environ = process.environ()
                text = " ".join([*process.cmdline(), *environ.values()])
            except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if process.pid != os.getpid() and any(mark in text for mark in marks):
                found.append(process)
        return found

    def close(self) -> None:
        """Bring everything down; whatever is left then is a failure of the test."""
        done = self.tenfold("down")
        deadline = time.monotonic() + 10
        left = self.processes()
        while left and time.monotonic() < deadline:
            psutil.wait_procs(left, timeout=0.2)
            left = self.processes()
        names = [_told(process) for process in left]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert not left, f"left running: {names}\n{done.stdout}{done.stderr}"


def _told(process: psutil.Process) -> str:
    """A process in words, also one that ends just now."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error as error:
        return str(error)
