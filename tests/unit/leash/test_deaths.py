"""A member is dead when nothing of it lives and nothing can begin; then its key goes, once."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.leash.test_processes import pretender
from tests.unit.leash.test_watching import watch

from tenfold.leash import deaths, processes
from tenfold.leash.config import Peer
from tenfold.leash.deaths import ORPHANED_SECONDS, SameKernel, Verdict, Wake
from tenfold.leash.etcd import Unreachable

MEMBER = "db2"


@pytest.fixture
def peer(tmp_path: Path) -> Peer:
    """One that was kept by a leash, with nothing of it alive."""
    (tmp_path / "cluster").mkdir()
    (tmp_path / "leash.lock").touch()
    found = Peer(str(tmp_path / "cluster"), str(tmp_path / "leash.lock"))
    Path(found.kept).touch()
    return found


def verdict(peer: Peer) -> Verdict:
    with SameKernel({MEMBER: peer}).certified(MEMBER) as said:
        return said


@contextmanager
def locked(path: str) -> Iterator[int]:
    held = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield held
    finally:
        os.close(held)


def test_it_is_dead_when_nothing_lives_and_stays_so_while_that_is_acted_upon(peer: Peer) -> None:
    with SameKernel({MEMBER: peer}).certified(MEMBER) as said:
        assert said == "dead"
        assert verdict(peer) == "alive", "a second one that looks, or its own next leash, waits"
        with pytest.raises(BlockingIOError), locked(peer.lock):
            pass
    assert verdict(peer) == "dead"


def test_it_lives_while_its_leash_or_guard_does(peer: Peer) -> None:
    with locked(peer.lock):
        assert verdict(peer) == "alive"


def test_it_lives_while_anything_does_that_its_leash_began(peer: Peer) -> None:
    marked = {**os.environ, processes.KEEPS: peer.lock}
    with subprocess.Popen(["/bin/sleep", "60"], env=marked, start_new_session=True) as helper:
        assert verdict(peer) == "alive"
        helper.kill()
    others = {**os.environ, processes.KEEPS: peer.lock + "2"}
    with subprocess.Popen(["/bin/sleep", "60"], env=others) as stranger:
        assert verdict(peer) == "dead"
        stranger.kill()


def test_a_server_without_a_leash_is_an_orphan_unless_it_never_had_one(peer: Peer) -> None:
    marked = {**os.environ, processes.KEEPS: peer.lock}
    with pretender(Path(peer.data), env=marked):
        assert verdict(peer) == "orphaned"
        Path(peer.kept).unlink()  # it was released as it runs, and is nobody's to end
        assert verdict(peer) == "unknown"


@pytest.mark.parametrize("gone", ["lock", "data"])
def test_nothing_is_said_where_only_its_record_is_gone(peer: Peer, gone: str) -> None:
    if gone == "lock":
        os.unlink(peer.lock)
    else:
        os.rmdir(peer.data)
    assert verdict(peer) != "dead"


def test_nothing_is_said_of_a_lock_that_was_replaced_while_it_was_taken(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = fcntl.flock

    def replaced(fd: int, how: int) -> None:
        take(fd, how)
        os.replace(Path(peer.lock).with_name("new"), peer.lock)

    Path(peer.lock).with_name("new").touch()
    monkeypatch.setattr(fcntl, "flock", replaced)
    assert verdict(peer) == "unknown"


def test_nothing_is_said_of_a_member_on_another_machine(peer: Peer) -> None:
    with SameKernel({}).certified(MEMBER) as said:
        assert said == "unknown"


class Says:
    """A witness with a verdict of its own."""

    def __init__(self, said: Verdict) -> None:
        self.said, self.ended, self.is_held = said, 0, False

    @contextmanager
    def certified(self, member: str) -> Iterator[Verdict]:
        self.is_held = True
        yield self.said
        self.is_held = False

    def end(self, member: str) -> None:
        self.ended += 1


class Store:
    """Of etcd what is asked here: whose key it is, and whether another one may be elected."""

    def __init__(self, witness: Says, *, has_successor: bool = True, silent: int = 0) -> None:
        self.witness, self.may, self.silent = witness, has_successor, silent
        self.taken: list[tuple[str, str]] = []

    def has_successor(self, prefix: str, member: str) -> bool:
        if self.silent:
            self.silent -= 1
            raise Unreachable("no leader")
        return self.may

    def take_away(self, key: str, member: str) -> bool:
        assert self.witness.is_held, "only while nobody can come back"
        self.taken.append((key, member))
        return True


def wake(tmp_path: Path, holder: str | None, said: Verdict, **told: Any) -> tuple[Wake, Store]:
    seen = watch(tmp_path)
    seen.holder = holder
    witness = Says(said)
    found = Wake(seen._config, seen, witness)
    store = Store(witness, **told)
    found._etcd = store  # type: ignore[assignment]
    return found, store


def test_the_key_of_a_leader_that_is_dead_goes(tmp_path: Path) -> None:
    found, store = wake(tmp_path, MEMBER, "dead", silent=2)
    assert found.look(0)
    assert store.taken == [("/tenfold/shop/leader", MEMBER)]


@pytest.mark.parametrize("said", ["alive", "unknown", "orphaned"])
def test_else_it_stays(tmp_path: Path, said: Verdict) -> None:
    found, store = wake(tmp_path, MEMBER, said)
    assert not found.look(0)
    assert store.taken == []


@pytest.mark.parametrize("holder", [None, "db1"])
def test_nobody_is_looked_at_who_does_not_lead(tmp_path: Path, holder: str | None) -> None:
    found, store = wake(tmp_path, holder, "dead")
    assert not found.look(0)
    assert store.taken == []


def test_it_stays_where_nobody_could_be_elected(tmp_path: Path) -> None:
    found, store = wake(tmp_path, MEMBER, "dead", has_successor=False)
    assert not found.look(0)
    assert store.taken == []


def test_who_cannot_be_told_is_not_told_for_longer_than_a_leash_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deaths, "TELL_SECONDS", 0.3)
    found, store = wake(tmp_path, MEMBER, "dead", silent=10**6)
    assert not found.look(0)
    assert store.taken == []


def test_an_orphan_is_ended_once_its_leash_had_the_time_to_come_back(tmp_path: Path) -> None:
    found, _ = wake(tmp_path, MEMBER, "orphaned")
    witness = found._witness
    assert isinstance(witness, Says)
    for now, ended in ((1, 0), (1 + ORPHANED_SECONDS - 0.1, 0), (1 + ORPHANED_SECONDS, 1)):
        found.look(now)
        assert witness.ended == ended
    witness.said = "alive"
    found.look(20)
    witness.said = "orphaned"
    found.look(21)
    assert witness.ended == 1, "its time begins anew"
    found._watch.holder = "db1"  # its lease is over
    found.look(21 + ORPHANED_SECONDS)
    assert witness.ended == 2


def test_ending_an_orphan_leaves_nothing_that_works_there(peer: Peer) -> None:
    found = SameKernel({MEMBER: peer})
    with pretender(Path(peer.data)) as server, found.certified(MEMBER) as said:
        assert said == "orphaned"
        found.end(MEMBER)
        assert server.wait(5) < 0
    with contextlib.closing(Path(peer.lock).open()), found.certified(MEMBER) as said:
        assert said == "dead"
