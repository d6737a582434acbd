"""What Patroni says counts while its rounds go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import wait_for

from tenfold.leash import deciding, etcd, processes, watching
from tenfold.leash.config import Config
from tenfold.leash.deciding import Bounds, Standing
from tenfold.leash.etcd import Etcd, Leader, Unreachable
from tenfold.leash.processes import DataDirectory
from tenfold.leash.watching import ROUNDS as ROUNDS_OF_A_LEASE
from tenfold.leash.watching import Watch
from tenfold.spec.zones import LEAST, MOST

ROUNDS = "import time\nwhile True: time.sleep(0.01)"
STUCK = """
import threading, time
def answers():
    while True: time.sleep(0.01)
threading.Thread(target=answers, daemon=True).start()
print("stuck", flush=True)
threading.Lock().acquire() and threading.Event().wait()
"""
KNOWN = Standing(until=100.0)


def watch(tmp_path: Path, member: str = "db1", data: DataDirectory | None = None) -> Watch:
    config = Config(
        patroni=("/bin/false",),
        data=str(tmp_path),
        lock=str(tmp_path / "leash.lock"),
        member=member,
        prefix="/tenfold/shop/",
        etcd=(),
        api="127.0.0.1:1",
        tls=None,
        bounds=Bounds(ttl_seconds=20, round_seconds=4),
        dynamic={},
    )
    return Watch(config, data or DataDirectory(config.data), adopts=False)


class Server(DataDirectory):
    """One that is no process."""

    def __init__(self, path: str, *, writes: bool = False) -> None:
        super().__init__(path)
        self.writes = writes

    def accepts_writes(self) -> bool:
        return self.writes

    def follows(self) -> bool:
        return not self.writes


@dataclass
class Told(Etcd):
    """Members that say who leads, or nothing."""

    holders: list[str | None] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    def create(self, key: str, value: str) -> None:
        """It is there."""

    def leader(self, key: str) -> Leader | None:
        holder = self.holders.pop(0)
        self.then()
        if holder is None:
            raise Unreachable("nobody answered")
        return Leader(holder, 20.0, "1")


def watched(tmp_path: Path, server: Server, *holders: str | None) -> Watch:
    """db2's."""
    found = watch(tmp_path, "db2", server)
    found._etcd = Told((), None, holders=list(holders))
    return found


@contextmanager
def process(program: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None
        if program is STUCK:
            begun.stdout.readline()
        yield begun.pid
        begun.kill()


@pytest.mark.parametrize("says", [{"failsafe_mode_is_active": True}, {"pause": True}])
def test_an_agreement_counts_while_rounds_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: dict[str, Any]
) -> None:
    monkeypatch.setattr(watching, "_patroni", lambda config: says)
    monkeypatch.setattr(watching, "now", lambda: 110.0)
    found = watch(tmp_path)
    with process(ROUNDS) as found.patroni:
        for _ in range(2):
            before = processes.waits(found.patroni)
            wait_for(lambda b=before: processes.waits(found.patroni) != b, within=5, subject="")
            assert found._agreed(KNOWN).until == 123
    with process(STUCK) as found.patroni:
        found._agreed(KNOWN)
        settled = processes.waits(found.patroni)
        wait_for(lambda: processes.waits(found.patroni) == settled, within=5, subject="")
        found._agreed(KNOWN)
        assert found._agreed(KNOWN) == KNOWN


def test_a_new_leader_that_etcd_was_not_heard_by_is_not_taken_for_one_that_lost(
    tmp_path: Path,
) -> None:
    """db1 led, and died; db2 was elected and promoted, and etcd does not answer since."""
    server = Server(str(tmp_path))
    found = watched(tmp_path, server, "db1", None, None, "db2")
    found.round()
    server.writes = True
    began = watching.now()
    for _ in range(2):
        found.round()
        assert found.why_end(began) is None
    assert found.until == began + found._config.bounds.agreed_seconds, "it has a bound all the same"
    assert found.why_end(found.until) == "the lease was not renewed in time"
    found.round()
    assert found.why_end(watching.now()) is None


def test_one_that_is_promoted_while_etcd_is_asked_is_in_the_right(tmp_path: Path) -> None:
    server = Server(str(tmp_path))
    found = watched(tmp_path, server)
    found._etcd = Told((), None, holders=["db1"], then=lambda: setattr(server, "writes", True))
    found.round()
    assert found.why_end(watching.now()) is None


@pytest.mark.parametrize("later", [(), (None,), (None, None)])
def test_a_leader_whose_key_is_another_ones_ends_whether_etcd_is_heard_again_or_not(
    tmp_path: Path, later: tuple[None, ...]
) -> None:
    server = Server(str(tmp_path), writes=True)
    found = watched(tmp_path, server, "db2", "db1", *later)
    found.round()
    assert found.why_end(watching.now()) is None
    for _ in range(1 + len(later)):
        found.round()
        assert found.why_end(watching.now()) == "another member leads, and this one accepts writes"


class Silence:
    """Time that goes on only while somebody waits; the members from ``hear`` on are heard."""

    def __init__(self, hear: int) -> None:
        self.seconds, self.hear = 1000.0, hear

    def request(self, url: str, path: str, tls: object, within: float, body: object) -> Any:
        if int(url) < self.hear:
            self.seconds += within
            raise TimeoutError
        lease = {"value": "ZGIx", "lease": "7", "mod_revision": "1"}  # db1's
        return 200, {"kvs": [lease]} if path.endswith("range") else {"TTL": "19"}

    def patroni(self, config: Config) -> dict[str, Any]:
        """It answers as late as it may."""
        self.seconds += watching.PATRONI_SECONDS
        return {"failsafe_mode_is_active": True}


def leader_of(members: int, silence: Silence, tmp_path: Path, patch: pytest.MonkeyPatch) -> Watch:
    """db1's, which leads, and has heard etcd just now."""
    found = watch(tmp_path, "db1", Server(str(tmp_path), writes=True))
    found._etcd = Etcd(tuple(map(str, range(members))), None)
    found.known = True
    found.standing = Standing(until=silence.seconds + 18 - found._config.bounds.margin_seconds)
    patch.setattr(etcd, "request", silence.request)
    patch.setattr(watching, "_patroni", silence.patroni)
    patch.setattr(watching, "now", lambda: silence.seconds)
    patch.setattr("time.monotonic", lambda: silence.seconds)
    return found


def require_it_goes_on(found: Watch, silence: Silence) -> None:
    """For some minutes, looked at when a round is about to bring news, which is last."""
    for _ in range(20):
        before = found.standing
        silence.seconds += found._config.bounds.ttl_seconds / ROUNDS_OF_A_LEASE
        found.round()
        assert deciding.must_end(before.usurped, before.until, silence.seconds) is None


@pytest.mark.parametrize("members", range(LEAST, MOST + 1, 2))
def test_while_all_agree_a_leader_goes_on_of_however_many_members_of_etcd_none_answers(
    members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = Silence(members)
    found = leader_of(members, silence, tmp_path, monkeypatch)
    rounds = iter(range(1000))
    monkeypatch.setattr(processes, "waits", lambda pid: next(rounds))
    require_it_goes_on(found, silence)


@pytest.mark.parametrize("members", range(LEAST, MOST + 1, 2))
def test_a_leader_is_heard_of_in_time_while_a_minority_of_etcd_hangs(
    members: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence = Silence((members - 1) // 2)
    found = leader_of(members, silence, tmp_path, monkeypatch)
    monkeypatch.setattr(processes, "waits", lambda pid: None)  # nobody agrees to anything
    require_it_goes_on(found, silence)
    assert found.holder == "db1"
