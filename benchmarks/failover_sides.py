"""The two sides of the failover benchmark: a site on a database that fails over by itself."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import psutil
import psycopg
from tests.support.care import LEADS, Member, Said, members, require_one_leader, watching
from tests.support.moves import processes_of
from tests.support.ports import free_port

from benchmarks.account import give
from benchmarks.apps import App
from benchmarks.by_hand.edge import Edge
from benchmarks.by_hand.patroni import PatroniCluster
from benchmarks.by_hand.site import WORKER
from benchmarks.by_hand.workers import Workers
from benchmarks.processes import run, tree, wait_for
from benchmarks.sites import OURS
from benchmarks.tenfold_site import TenfoldSite
from benchmarks.watcher import answers

THEIRS = "Patroni, untuned"
WELL_SECONDS = 300.0


class Side(Protocol):
    """One site. A leader is told as its host's name and its timeline, which grows with each."""

    name: str
    url: str

    def up(self) -> None:
        """Bring it up, with its schema."""

    def dsn(self) -> str:
        """Whoever leads."""

    def leader(self) -> tuple[str, int] | None:
        """Who leads; ``None`` while nobody does."""

    def pids(self, host: str, what: str) -> list[int]:
        """Processes of a host: ``PostgreSQL``, ``Patroni``, ``database`` (both, and whoever looks
        after them), or ``everything``."""

    def drain(self, leader: str) -> None:
        """Have another one lead, in order, and take the leader's host out."""

    def watched(self) -> AbstractContextManager[Callable[[], int | None]]:
        """Ask every database whether it takes writes, while the block runs; told is, after it, in
        how many moments two did, if somebody asked."""

    def mend(self) -> None:
        """Bring back whoever was killed; all is well at the end."""

    def close(self) -> None:
        """Stop it for good."""


class Ours:
    """Through the ``tenfold`` command, at stage 1k."""

    name = OURS

    def __init__(self, site: TenfoldSite) -> None:
        self.site, self.project, self.url = site, site.project, site.url
        self._dsn = ""
        self._drained: str | None = None

    def up(self) -> None:
        port = str(self.project.port)
        self.project.ok("up", "-d", "--stage", "1k", "--port", port, timeout=300)
        self.mend()
        self._dsn = self.site.dsn()  # the same whoever leads

    def dsn(self) -> str:
        return self._dsn

    def leader(self) -> tuple[str, int] | None:
        return newest((member.host, member.connect) for member in members(self.project))

    def pids(self, host: str, what: str) -> list[int]:
        if what == "everything":
            return [process.pid for process in processes_of(self.project, host)]
        member = Member(self.project, host)
        if what == "database":
            return [pid for one in ("leash", "guard", "Patroni") for pid in member.pids(one)] + [
                pid for server in member.pids("PostgreSQL") for pid in tree(server)
            ]
        return member.pids(what)

    def drain(self, leader: str) -> None:
        self.project.ok("host", "drain", leader, "--yes", timeout=300)
        self._drained = leader

    @contextmanager
    def watched(self) -> Iterator[Callable[[], int | None]]:
        with watching(self.project) as witness:
            yield lambda: _doubled(witness.said)

    def mend(self) -> None:
        if self._drained is not None:
            self.project.ok("host", "add", self._drained, "--yes", timeout=300)
            self._drained = None
        hosts = self.project.status()["hosts"]
        if any(unit["state"] != "running" for host in hosts for unit in host["units"][:1]):
            self.project.ok("up", "-d", timeout=300)
        wait_for(self._is_well, "everybody to be back", within_seconds=WELL_SECONDS)

    def close(self) -> None:
        self.site.close()

    def _is_well(self) -> bool:
        status = self.project.status()
        failover = status.get("failover") or {}
        return bool(status["state"] == "running" and failover.get("in_sync"))


class Theirs:
    """The same app behind nginx, on Patroni as its documentation shows it."""

    name = THEIRS

    def __init__(self, app: App, folder: Path, workers: int) -> None:
        folder.mkdir()
        give(folder)
        self._app, self._code = app, app.copy(folder / "app")
        give(self._code)
        self.cluster = PatroniCluster(folder / "cluster", app.name)
        self._workers = Workers(
            (str(app.python), "-P", str(WORKER), app.entry),
            free_port(),
            workers,
            code=self._code,
            env={"DATABASE_URL": self.cluster.url()},
            logs=folder,
        )
        port = free_port()
        self._edge = Edge(folder / "edge", port, self._workers.address)
        self.url = f"http://127.0.0.1:{port}"

    def up(self) -> None:
        self.cluster.up()
        run(
            (str(self._app.python), "-m", *self._app.migrate),
            cwd=self._code,
            env={"DATABASE_URL": self.cluster.url()},
        )
        self._workers.start()
        self._edge.start()
        health = self.url + self._app.health
        wait_for(lambda: answers(health), "the edge to answer", daemon=self._edge.daemon)

    def dsn(self) -> str:
        return self.cluster.url()

    def leader(self) -> tuple[str, int] | None:
        cluster = self.cluster
        return newest((node.name, partial(cluster.connect, node)) for node in cluster.databases)

    def pids(self, host: str, what: str) -> list[int]:
        node = self.cluster.nodes[host]
        if what == "everything":
            return node.everything()
        if what == "PostgreSQL":
            server = node.postmaster()
            return [] if server is None else [server]
        return [] if node.patroni is None else tree(node.patroni.pid)

    def drain(self, leader: str) -> None:
        self.cluster.switch_over(leader)

    def watched(self) -> AbstractContextManager[Callable[[], int | None]]:
        return nullcontext(lambda: None)

    def mend(self) -> None:
        self.cluster.mend()

    def close(self) -> None:
        self._edge.stop()
        self._workers.stop()
        self.cluster.close()


def _doubled(said: Sequence[Said]) -> int:
    """Whether two took writes at once, or one that had been followed; 1 if so."""
    try:
        require_one_leader(said)
    except AssertionError as found:
        print(f"  two leaders: {found}", file=sys.stderr, flush=True)
        return 1
    return 0


Connect = Callable[[], psycopg.Connection[Any]]


def newest(servers: Iterable[tuple[str, Connect]]) -> tuple[str, int] | None:
    """Who leads on the latest timeline: a leader of the past may say so for a moment, too."""
    found: list[tuple[int, str]] = []
    for host, connect in servers:
        with suppress(psycopg.Error, OSError), connect() as session:
            (timeline,) = session.execute(LEADS).fetchone() or (0,)
            found += [(int(timeline), host)] if timeline else []
    return (max(found)[1], max(found)[0]) if found else None


def kill(side: Side, host: str, what: tuple[str, ...]) -> None:
    """kill -9 of all of it at once. A whole host is stopped first, so that nobody there tells or
    replaces anybody."""
    whole = what == ("everything",)
    pids = _held(side, host, what) if whole else [p for one in what for p in side.pids(host, one)]
    send(pids, signal.SIGKILL)
    for pid in pids:
        wait_for(lambda pid=pid: not _runs(pid), f"process {pid} to be gone")


def _runs(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _held(side: Side, host: str, what: tuple[str, ...]) -> list[int]:
    """All of it, standing still; also what was begun while the first of it was stopped."""
    held: list[int] = []
    while more := [pid for one in what for pid in side.pids(host, one) if pid not in held]:
        held += more
        send(more, signal.SIGSTOP)
    return held


def send(pids: list[int], number: signal.Signals) -> None:
    """A signal to each that is still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


@contextmanager
def stopped(side: Side, host: str, what: str) -> Iterator[None]:
    """All of it stands still while the block runs."""
    held: list[int] = []
    try:
        held += _held(side, host, (what,))
        yield
    finally:
        send(held, signal.SIGCONT)
