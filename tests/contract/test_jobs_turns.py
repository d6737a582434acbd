"""Two hosts that could keep the same schedule: every slot is run by one of them at most."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support import etcd
from tests.support.postgres import wait_for

from tenfold.etcd import Access, Client, EtcdError
from tenfold.jobs import marks
from tenfold.jobs.book import Book, Run
from tenfold.jobs.config import TURNS, Turns, read_turns
from tenfold.jobs.turn import Shared

pytestmark = [pytest.mark.engine, pytest.mark.few(1)]
SECONDS = 2
EVERY_SECONDS = 0.5


@pytest.fixture(scope="module")
def cluster() -> Iterator[etcd.Cluster]:
    with etcd.running(1) as made:
        yield made


@dataclass
class Host:
    """A scheduler with a folder, and so with a book, of its own."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self, urls: Sequence[str], prefix: str, **other: object) -> None:
        job = {
            "name": "often",
            "argv": ["true"],
            "every_seconds": EVERY_SECONDS,
            "cron": None,
            "timezone": "UTC",
            "overlap": True,
            "missed": "skip",
            "timeout_seconds": 30,
            "grace_seconds": 1,
            **other,
        }
        turns = {"urls": list(urls), "prefix": prefix, "holder": self.name, "seconds": SECONDS}
        told = self.folder.parent / f"{self.name}.turns"
        told.touch(mode=0o600)
        told.write_text(json.dumps(turns))
        with (self.folder.parent / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tenfold.jobs", "keep", str(self.folder)],
                env={
                    **os.environ,
                    "TENFOLD_JOBS": json.dumps({"release": "r1", "jobs": [job]}),
                    "TENFOLD_JOBS_TURNS": str(told),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def runs(self) -> list[Run]:
        """What it began, the newest first."""
        if not (self.folder / "ready").exists():
            return []
        book = Book(self.folder)
        try:
            return [r for r in book.history("often", 500) if r.outcome != "missed"]
        finally:
            book.close()

    def slots(self) -> list[float]:
        """The slots that it began."""
        return [r.slot for r in self.runs() if r.slot is not None]

    def end(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


@pytest.fixture
def hosts(cluster: etcd.Cluster, request: pytest.FixtureRequest) -> Iterator[tuple[Host, Host]]:
    with tempfile.TemporaryDirectory(prefix="tf-turns-", dir=etcd.IN_MEMORY) as folder:
        made = tuple(Host(name, Path(folder, name)) for name in ("app1", "app2"))
        prefix = f"/shop/jobs/{request.node.name}"
        try:
            for host in made:
                host.folder.mkdir()
                host.start(cluster.urls, prefix)
            yield made  # type: ignore[misc]
        finally:
            for host in made:
                host.end()


def keeper_of(hosts: tuple[Host, Host]) -> tuple[Host, Host]:
    """Whoever runs the jobs, and the other one."""
    wait_for(
        lambda: any(len(h.slots()) > 2 for h in hosts),
        within=30,
        subject="one of the two to run the jobs",
    )
    first, second = sorted(hosts, key=lambda h: -len(h.slots()))
    return first, second


def require_each_once(hosts: tuple[Host, Host]) -> None:
    counted = Counter(slot for host in hosts for slot in host.slots())
    assert counted
    assert max(counted.values()) == 1, counted


@pytest.mark.parametrize("how", ["killed", "paused", "ended"])
def test_the_other_goes_on_where_the_first_had_come_to(hosts: tuple[Host, Host], how: str) -> None:
    first, second = keeper_of(hosts)
    assert second.slots() == []
    assert first.process is not None
    if how == "killed":
        first.process.kill()
    elif how == "paused":
        first.process.send_signal(signal.SIGSTOP)
    else:
        first.process.send_signal(signal.SIGTERM)
    wait_for(lambda: len(second.slots()) > 2, within=30, subject="the other to run the jobs")
    before = len(first.slots())
    if how == "paused":
        first.process.send_signal(signal.SIGCONT)
        more = len(second.slots()) + 4
        wait_for(lambda: len(second.slots()) >= more, within=30, subject="it to go on")
        assert len(first.slots()) == before, "whoever wakes up begins nothing"
    require_each_once(hosts)


@contextmanager
def relay(url: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """A way to etcd, and what cuts it."""
    there = urlsplit(url)
    listening = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                one = listening.accept()[0]
                other = socket.create_connection((there.hostname or "", there.port or 0))
                ends.extend((one, other))
                for pair in ((one, other), (other, one)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()

    def cut() -> None:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", cut
    finally:
        cut()


def test_a_run_of_a_host_that_etcd_does_not_hear_ends_before_the_other_begins_one(
    cluster: etcd.Cluster,
) -> None:
    prefix = "/shop/cut"
    with (
        tempfile.TemporaryDirectory(prefix="tf-turns-", dir=etcd.IN_MEMORY) as folder,
        relay(cluster.urls[0]) as (way, cut),
    ):
        here, twice = Path(folder, "here"), Path(folder, "twice")
        line = f"mkdir {here} || touch {twice}; trap 'rmdir {here}; exit' TERM; sleep 600 & wait"
        job = {"argv": ["sh", "-c", line], "overlap": False, "every_seconds": 4.0}
        first, second = (Host(name, Path(folder, name)) for name in ("app1", "app2"))
        try:
            for host, urls in ((first, [way]), (second, cluster.urls)):
                host.folder.mkdir()
                host.start(urls, prefix, **job, timeout_seconds=600)
                wait_for(lambda: here.exists(), within=30, subject="a run")
            cut()
            wait_for(lambda: second.slots(), within=60, subject="the other to run the job")
            wait_for(lambda: here.exists(), within=30, subject="it to be at it")
            assert not twice.exists()
            (ended,) = first.runs()
            assert ended.outcome == "cut off"
        finally:
            for host in (first, second):
                host.end()
                for run in host.runs():
                    if run.mark is not None:
                        marks.kill(run.mark)


def test_without_etcd_nothing_is_begun_and_then_it_goes_on() -> None:
    with (
        etcd.running(1) as cluster,
        tempfile.TemporaryDirectory(prefix="tf-turns-", dir=etcd.IN_MEMORY) as folder,
    ):
        host = Host("app1", Path(folder, "app1"))
        host.folder.mkdir()
        host.start(cluster.urls, "/shop/jobs")
        try:
            wait_for(lambda: len(host.slots()) > 1, within=30, subject="the jobs to be run")
            cluster.members[0].kill()
            log = Path(folder, "app1.log")
            wait_for(
                lambda: "keeps the schedule no more" in log.read_text(),
                within=30,
                subject="the lease to run out",
            )
            before = len(host.slots())
            cluster.start()
            wait_for(lambda: len(host.slots()) > before, within=30, subject="it to go on")
            require_each_once((host, host.__class__("none", Path(folder, "none"))))
        finally:
            host.end()


def answers_to_lose(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """As many answers of etcd as there are words in it by then are lost, on transactions that it
    has carried out."""
    real, lost = Client.transact, list[str]()

    def broken_off(self: Client, *asked: Any) -> Any:
        found = real(self, *asked)
        if lost:
            raise EtcdError("silent", lost.pop())
        return found

    monkeypatch.setattr(Client, "transact", broken_off)
    return lost


def test_an_answer_that_is_lost_stops_no_job(
    cluster: etcd.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """etcd has put down that the slot is dealt with, and whoever asked does not hear of it."""
    with Shared(Turns(Access(cluster.urls), "/shop/lost", "app1", SECONDS)) as turn:
        wait_for(lambda: turn.term() is not None, within=30, subject="it to be our turn")
        turn.dealt()
        assert turn.claim("mail", 1.0)
        lost = answers_to_lose(monkeypatch)
        for slot in (2.0, 3.0):
            lost.append("the answer was lost")
            with pytest.raises(EtcdError):
                turn.claim("mail", slot)
            if slot == 2.0:
                assert turn.claim("mail", slot), "claimed by us, and begun by nobody"
        assert turn.claim("mail", 4.0), "of a later slot, too"
        assert turn.dealt() == {"mail": 4.0}


def test_what_runs_is_put_down_with_its_slot_until_it_has_ended(
    cluster: etcd.Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = answers_to_lose(monkeypatch)
    with Shared(Turns(Access(cluster.urls), "/shop/runs", "app1", SECONDS)) as turn:
        wait_for(lambda: turn.term() is not None, within=30, subject="it to be our turn")
        turn.dealt()
        assert turn.claim("mail", 1.0, "one")
        lost.append("the answer was lost")
        with pytest.raises(EtcdError):
            turn.claim("mail", 2.0, "two")
        assert turn.claim("mail", 2.0, "three")
        assert turn.under_way() == {"mail": "three"}
        turn.ended("mail", "one")
        assert turn.under_way() == {"mail": "three"}
        turn.ended("mail", "three")
        assert turn.under_way() == {}
        turn.begins("mail", "asked for")
        assert turn.under_way() == {"mail": "asked for"}


def test_what_another_host_has_put_down_is_not_taken_for_ours(cluster: etcd.Cluster) -> None:
    prefix = "/shop/other"
    with Shared(Turns(Access(cluster.urls), prefix, "app1", SECONDS)) as turn:
        wait_for(lambda: turn.term() is not None, within=30, subject="it to be our turn")
        turn.dealt()
        with Client(Access(cluster.urls)) as client:
            client.delete(f"{prefix}/keeper")
            client.put(f"{prefix}/dealt/mail", b"1.0")
        assert not turn.claim("mail", 1.0)


def test_the_key_is_in_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    told = tmp_path / "turns"
    told.write_text(json.dumps({"urls": ["https://db1"], "prefix": "/p", "holder": "app1"}))
    told.chmod(0o640)
    with pytest.raises(ValueError, match="may be read by others"):
        read_turns({TURNS: str(told)})
    told.chmod(0o600)
    turns = read_turns({TURNS: str(told)})
    assert turns is not None
    assert turns.holder == "app1"
