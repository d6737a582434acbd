"""The leash and its guard as processes, beside a real etcd or none.

Of PostgreSQL there are only the files that they look at and a process of its name, so that a moment
can be chosen; the whole is in test_patroni.py.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.support.etcd import running
from tests.support.postgres import wait_for

from tenfold.leash.etcd import Etcd, _coded
from tenfold.leash.processes import IN_PRODUCTION, DataDirectory

pytestmark = [pytest.mark.engine, pytest.mark.few(1)]

NOBODY = "http://127.0.0.1:1"
SERVER = """
import ctypes, time
ctypes.CDLL(None).prctl(15, b"postgres", 0, 0, 0)
print("up", flush=True)
time.sleep(60)
"""
STARTING = """
import multiprocessing, os, subprocess, sys, time
def pg_ctl_start(server, data, log):
    os.setsid()
    open(log, "w").close()
    time.sleep(1)
    server = subprocess.Popen([sys.executable, "-c", server], cwd=data, stdout=subprocess.DEVNULL)
    open(os.path.join(data, "postmaster.pid"), "w").write(f"{server.pid}\\n")
    server.wait()
if __name__ == "__main__":
    begun = multiprocessing.get_context("spawn").Process(target=pg_ctl_start, args=sys.argv[1:])
    begun.start()
    time.sleep(60)
"""


@dataclass
class Kept:
    """A directory with the files of a leader, and what it is to be kept with."""

    root: Path
    patroni: tuple[str, ...] = ("/bin/sleep", "60")
    etcd: str = NOBODY
    ttl_seconds: float = 6.0
    begun: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        return f"/tenfold{self.root}/"

    @property
    def data(self) -> Path:
        return self.root / "cluster"

    @property
    def found(self) -> DataDirectory:
        return DataDirectory(str(self.data))

    def arrange(self) -> None:
        (self.data / "global").mkdir(parents=True)
        state = bytes(16) + IN_PRODUCTION.to_bytes(4, "little") + bytes(8)
        (self.data / "global" / "pg_control").write_bytes(state)

    def was_kept(self) -> None:
        (self.root / "leash.kept").touch()

    def configure(self) -> str:
        told = {
            "patroni": self.patroni,
            "data": str(self.data),
            "lock": str(self.root / "leash.lock"),
            "member": "db1",
            "prefix": self.prefix,
            "etcd": [self.etcd],
            "api": "127.0.0.1:1",
            "tls": None,
            "bounds": {"ttl_seconds": self.ttl_seconds, "round_seconds": 1, "margin_seconds": 1},
            "dynamic": {},
        }
        path = self.root / "leash.json"
        path.write_text(json.dumps(told))
        return str(path)

    def server(self) -> subprocess.Popen[bytes]:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=self.data, stdout=subprocess.PIPE
        )
        assert server.stdout is not None
        with server.stdout as said:
            said.readline()
        (self.data / "postmaster.pid").write_text(f"{server.pid}\n")
        self.begun.append(server)
        return server

    def leash(self, log: str | None = None) -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-I", "-m", "tenfold.leash", "keep", self.configure()]
        with open(log or self.root / "log", "ab") as file:
            leash = subprocess.Popen(argv, stdout=file, stderr=file, start_new_session=True)
        self.begun.append(leash)
        return leash

    @property
    def log(self) -> str:
        return (self.root / "log").read_text()

    def running(self, *words: str) -> list[int]:
        found = []
        for name in (n for n in os.listdir("/proc") if n.isdigit()):
            with contextlib.suppress(OSError):
                argv = Path(f"/proc/{name}/cmdline").read_bytes().decode().split("\0")
                if all(word in argv for word in words) and str(self.root) in str(argv):
                    found.append(int(name))
        return found

    def is_let_go(self) -> bool:
        """Whether neither leash nor guard are there any more."""
        with open(self.root / "leash.lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    found = Kept(tmp_path)
    found.arrange()
    yield found
    for pid in found.running("tenfold.leash"):
        os.kill(pid, signal.SIGKILL)
    for pid in found.running(str(tmp_path / "patroni.py")):
        os.kill(pid, signal.SIGKILL)
    found.found.end(5)
    for process in found.begun:
        process.kill()
        process.wait(5)


@pytest.fixture(scope="module")
def store() -> Iterator[Etcd]:
    with running(1) as cluster:
        yield Etcd(tuple(cluster.urls), None)


def began(kept: Kept, leash: subprocess.Popen[bytes]) -> None:
    """Return when Patroni runs, and the guard."""
    assert leash.poll() is None
    wait_for(lambda: len(patroni_of(leash)) == 1, within=20, subject="Patroni")
    wait_for(lambda: bool(kept.running("guard")), within=20, subject="the guard")


def patroni_of(leash: subprocess.Popen[bytes]) -> list[int]:
    with contextlib.suppress(OSError):
        found = Path(f"/proc/{leash.pid}/task/{leash.pid}/children").read_text().split()
        names = {int(pid): Path(f"/proc/{pid}/comm").read_text() for pid in found}
        return [pid for pid, name in names.items() if name == "sleep\n"]
    return []


def lives(pid: int) -> bool:
    """Whether it does; one that nobody collects does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def switches(pid: int) -> int:
    """How often a process went to sleep."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("voluntary"))


@pytest.mark.parametrize("what", ["patroni", "leash"])
def test_a_full_disk_below_the_log_keeps_nothing_alive(kept: Kept, store: Etcd, what: str) -> None:
    kept.etcd, kept.ttl_seconds = store.urls[0], 60
    kept.was_kept()
    server, leash = kept.server(), kept.leash("/dev/full")
    began(kept, leash)
    os.kill(leash.pid if what == "leash" else patroni_of(leash)[0], signal.SIGKILL)
    assert server.wait(10) == -signal.SIGKILL
    leash.wait(10)
    wait_for(kept.is_let_go, within=10, subject="the guard to end")


def test_a_server_is_not_ended_by_a_patroni_that_never_led(kept: Kept, store: Etcd) -> None:
    kept.etcd, kept.patroni = store.urls[0], ("/bin/false",)
    server, leash = kept.server(), kept.leash()
    assert leash.wait(20) != 0
    wait_for(kept.is_let_go, within=10, subject="the guard to end")
    assert server.poll() is None
    assert "is not taken over and goes on" in kept.log


def test_nor_by_a_leash_that_is_killed_before(kept: Kept, store: Etcd) -> None:
    kept.etcd = store.urls[0]
    server, leash = kept.server(), kept.leash()
    began(kept, leash)
    patroni = patroni_of(leash)[0]
    leash.kill()
    leash.wait(10)
    wait_for(kept.is_let_go, within=10, subject="the guard to end")
    assert not lives(patroni)
    assert server.poll() is None


def test_one_that_led_is_ended_with_its_patroni(kept: Kept, store: Etcd) -> None:
    kept.etcd, kept.ttl_seconds = store.urls[0], 60
    server, leash = kept.server(), kept.leash()
    began(kept, leash)
    assert store.create(f"{kept.prefix}leader", "db1")
    os.kill(patroni_of(leash)[0], signal.SIGKILL)
    assert server.wait(10) == -signal.SIGKILL
    leash.wait(10)
    assert store.leader(f"{kept.prefix}leader") is None


def test_a_leader_without_etcd_is_bound_though_its_leash_starts_anew(kept: Kept) -> None:
    kept.was_kept()
    server, leash = kept.server(), kept.leash()
    at = time.monotonic()
    assert server.wait(15) == -signal.SIGKILL
    assert 2 < time.monotonic() - at < 8
    assert leash.wait(10) != 0
    assert "the lease was not renewed in time" in kept.log


def test_the_guard_bounds_it_when_the_leash_hangs_before_it_said_so(kept: Kept) -> None:
    kept.was_kept()
    (kept.data / "standby.signal").touch()
    leash = kept.leash()
    wait_for(lambda: bool(kept.running("guard")), within=20, subject="the guard")
    leash.send_signal(signal.SIGSTOP)
    (kept.data / "standby.signal").unlink()
    server = kept.server()
    assert server.wait(20) == -signal.SIGKILL
    leash.wait(10)


def test_a_member_that_follows_keeps_nobody_awake(kept: Kept, store: Etcd) -> None:
    kept.etcd, kept.ttl_seconds = store.urls[0], 6
    server, leash = kept.server(), kept.leash()
    began(kept, leash)
    key = f"{kept.prefix}leader"
    assert store.create(key, "db1")
    lease = store._ask("lease/grant", {"TTL": "6"})["ID"]
    assert store.take_away(key, "db1")
    put = {"key": _coded(key), "value": _coded("db1"), "lease": lease}
    store._ask("kv/put", put)
    wait_for((kept.root / "leash.kept").exists, within=5, subject="the key to be seen")
    (kept.data / "standby.signal").touch()
    wait_for(lambda: store.leader(key) is None, within=15, subject="the lease to run out")
    pids = [leash.pid, *kept.running("guard")]
    before = [switches(pid) for pid in pids]
    time.sleep(3)  # no condition: how often they wake up in that time is what is tested
    assert all(switches(p) - n < 60 for p, n in zip(pids, before, strict=True))

    # It is elected again: the bound of its former lead is nobody's.
    lease = store._ask("lease/grant", {"TTL": "6"})["ID"]
    store._ask("kv/put", {**put, "lease": lease})
    (kept.data / "standby.signal").unlink()
    time.sleep(3)  # no condition: that it goes on is what is tested
    assert server.poll() is None


def test_a_server_that_is_just_being_started_ends_with_its_leash(kept: Kept, store: Etcd) -> None:
    program, log = kept.root / "patroni.py", kept.root / "starting"
    program.write_text(STARTING)
    kept.etcd = store.urls[0]
    kept.patroni = (sys.executable, "-I", str(program), SERVER, str(kept.data), str(log))
    leash = kept.leash()
    wait_for(log.exists, within=20, subject="a server to be started")
    leash.kill()
    leash.wait(10)
    wait_for(kept.is_let_go, within=10, subject="the guard to end")
    time.sleep(1.5)  # no condition: that nothing comes after it is what is tested
    assert kept.found.is_at_rest()
    assert not (kept.data / "postmaster.pid").exists()
