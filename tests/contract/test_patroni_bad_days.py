"""Bad days of a database that fails over by itself: what is lost, who goes on, and what is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg
import pytest
from tests.contract.test_patroni import watched
from tests.support.patroni import FAST, NOBODY, Cluster, Member, Writer, cluster, made
from tests.support.postgres import wait_for

from tenfold.engines.patroni import admin, probe

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600), pytest.mark.few(1)]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
A_DAY = 86_400.0
BULK = "SELECT pg_logical_emit_message(true, 'x', repeat('-', 8000000))"
WHOLE = ("guard", "leash", "patroni", "postgres")


def kill_all_of(member: Member) -> None:
    """Everything at once: stopped first, else one of them may see another one's end."""
    member.kill(*WHOLE, how=signal.SIGSTOP)
    member.kill(*WHOLE)
    wait_for(lambda: not member.working(), within=20, subject="the server to be gone")


def in_sync(found: Cluster) -> tuple[str, ...]:
    leader = found.leader()
    return probe.observe(leader.unit, leader.scene).in_sync


def state_of(found: Cluster, name: str) -> probe.MemberState | None:
    leader = found.leader()
    told = probe.observe(leader.unit, leader.scene).members
    return next((m for m in told if m.name == name), None)


def test_where_the_follower_in_sync_is_lost_writes_go_on_alone_and_it_is_told() -> None:
    """The rule is in docs/decisions/0028-failover.md: with no other member nobody is waited for."""
    with cluster("db1", "db2") as found:
        found.begin()
        leader, other = found.members
        with Writer(found) as writer:
            at = time.monotonic()
            kill_all_of(other)
            wait_for(lambda: not in_sync(found), within=40, subject="it to be told")
            writer.wait_past(time.monotonic())
            assert not writer.failed
            assert writer.gap(at) < 30, "until its lease is over, and a round"
            assert found.leader() is leader
            assert other.process is not None
            other.process.wait(60)
            other.start()
            found.wait_in_sync()
            assert in_sync(found) == ("db2",)
            writer.wait_past(time.monotonic())
        assert not writer.lost()


def test_where_it_is_asked_for_writes_stop_instead_until_it_is_back() -> None:
    with cluster("db1", "db2", settings=replace(FAST, strict=True)) as found:
        found.begin()
        leader, other = found.members
        assert not probe.is_strict(leader.unit, leader.scene), "nobody could begin"
        assert admin.configure(leader.unit, leader.scene)
        assert probe.is_strict(leader.unit, leader.scene)
        with Writer(found) as writer:
            kill_all_of(other)
            wait_for(lambda: not in_sync(found), within=40, subject="it to be told")
            before = len(writer.acknowledged)
            time.sleep(5)  # no condition: that nobody is told anything for so long is tested
            assert len(writer.acknowledged) == before
            assert other.process is not None
            other.process.wait(60)
            other.start()
            writer.wait_past(time.monotonic())
        assert not writer.failed
        assert not writer.lost()


def test_a_follower_out_of_log_does_not_follow_and_is_copied_anew_on_order() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        leader, other = found.members
        other.stop()
        little = {"parameters": {"max_slot_wal_keep_size": "16MB"}}
        admin.change(leader.unit, leader.scene, {"postgresql": little})
        with leader.connect("superuser") as session:

            def lost() -> bool:
                big = "SELECT pg_logical_emit_message(true, 'test', repeat('-', 20000000))"
                for statement in (big, "SELECT pg_switch_wal()", "CHECKPOINT"):
                    session.execute(statement)
                told = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'db2'"
                return session.execute(told).fetchone() in (("lost",), None)

            wait_for(lost, within=60, subject="the leader to let go of its log")
        with Writer(found) as writer:
            other.start()
            wait_for(lambda: other.ask()[0] == 200, within=60, subject="Patroni of db2")
            until = time.monotonic() + 10
            while time.monotonic() < until:  # it never gets to count
                assert not in_sync(found)
                time.sleep(0.2)  # no condition: that it does not for so long is what is tested
            told = state_of(found, "db2")
            assert told is not None
            assert told.state != "streaming"
            admin.reinitialize(other.unit, other.scene)
            found.wait_in_sync(within=90)
            writer.wait_past(time.monotonic())
        assert not writer.failed
        assert not writer.lost()


class Skewed(Member):
    """Its Patroni reads a clock on the wall that is off."""

    seconds = 0.0

    def write(self) -> None:
        super().write()
        path = self.config / "leash.json"
        told = json.loads(path.read_text())
        shift = f"import time; real = time.time; time.time = lambda: real() + {self.seconds}"
        run = "import runpy, sys; runpy.run_module('patroni', run_name='__main__', alter_sys=True)"
        told["patroni"] = [told["patroni"][0], "-I", "-c", f"{shift}; {run}", told["patroni"][-1]]
        path.write_text(json.dumps(told))


def test_clocks_that_are_a_day_apart_change_nobody_and_a_failover_is_as_quick() -> None:
    with cluster("db1", "db2") as found:
        found.start_etcd()
        first, second = (Skewed(m.unit, m.scene, m.root) for m in found.members)
        first.seconds, second.seconds = -A_DAY, A_DAY
        found.members[:] = [first, second]
        first.start()
        found.wait_for_leader()
        found.make_database()
        second.start()
        found.wait_in_sync()
        with watched(found) as two_at_once, Writer(found) as writer:
            until = time.monotonic() + 25
            while time.monotonic() < until:
                assert found.holder() == "db1"
                time.sleep(0.5)  # no condition: that it stays for longer than a lease is tested
            assert not writer.failed
            at = first.kill("postgres")
            found.wait_for_leader(other_than="db1", within=15)
            writer.wait_past(time.monotonic())
        assert not two_at_once
        assert not writer.lost()
        assert writer.gap(at) < 10


@contextmanager
def small_disks(root: Path, names: tuple[str, ...], size: str) -> Iterator[None]:
    """A disk of its own for the data of each of these hosts."""
    mounted = []
    try:
        for name in names:
            folder = root / name / "data" / "postgres"
            options = f"size={size},mode=700,uid={NOBODY},gid={NOBODY}"
            mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            subprocess.run(mount, check=True)
            mounted.append(folder)
        yield
    finally:
        for folder in mounted:
            # The last of its processes may be leaving just now.
            wait_for(partial(_unmounted, folder), within=30, subject=f"nobody to use {folder}")


def _unmounted(folder: Path) -> bool:
    return subprocess.run(["umount", str(folder)], check=False).returncode == 0


def fill(member: Member) -> Path:
    """Not a byte is left on its disk."""
    path = Path(member.scene.place.data) / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with suppress(OSError):
                while True:
                    file.write(bytes(size))
    return path


@as_root
def test_a_leader_whose_disk_is_full_refuses_writes_and_is_replaced_when_its_log_is_full() -> None:
    with on_small_disks("db1", "db2", size="400m") as found:
        found.begin()
        first, second = found.members
        with watched(found) as two_at_once, Writer(found) as writer:
            filler = fill(first)
            wait_for(lambda: bool(refused(writer)), within=60, subject="writes to be refused")
            assert found.holder() == "db1", "it reads, and says why it does not write"
            with suppress(psycopg.Error), first.connect("superuser") as session:
                session.execute("SET synchronous_commit = local")
                for _ in range(100):
                    session.execute(
                        "SELECT pg_logical_emit_message(true, 'x', repeat('-', 8000000))"
                    )
            assert found.wait_for_leader(other_than="db1", within=60) is second
            writer.wait_past(time.monotonic())
            filler.unlink()
            come_back(found, first)
            writer.wait_past(time.monotonic())
        assert not two_at_once
        assert not writer.lost()


def come_back(found: Cluster, member: Member) -> None:
    """Until it follows in sync; one that has ended is started again, as its agent does."""

    def well() -> bool:
        if not member.runs():
            member.start()
        return in_sync(found) == (member.name,)

    try:
        wait_for(well, within=240, subject=f"{member.name} to be in sync")
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{member.log[-5000:]}") from None


def refused(writer: Writer) -> list[str]:
    return [said for _, said in writer.failed if "No space left on device" in said]


@as_root
def test_of_a_follower_whose_disk_is_full_nobody_waits_for_long() -> None:
    with on_small_disks("db1", "db2", size="400m") as found:
        found.begin()
        leader, other = found.members
        with watched(found) as two_at_once, Writer(found) as writer:
            filler = fill(other)
            at = time.monotonic()
            with leader.connect("superuser") as session:
                session.execute("SET synchronous_commit = local")
                for _ in range(6):  # more log than it has files for already
                    session.execute(
                        "SELECT pg_logical_emit_message(true, 'x', repeat('-', 8000000))"
                    )
            wait_for(lambda: not in_sync(found), within=60, subject="it not to count")
            writer.wait_past(time.monotonic())
            assert found.leader() is leader
            filler.unlink()
            come_back(found, other)
            writer.wait_past(time.monotonic())
        assert not two_at_once
        assert not writer.failed
        assert not writer.lost()
        assert writer.gap(at) < 40


@contextmanager
def on_small_disks(*names: str, size: str) -> Iterator[Cluster]:
    root = Path(tempfile.mkdtemp(prefix="tfha-", dir="/tmp"))
    root.chmod(0o711)
    found = made(root, names)
    try:
        with small_disks(root, names, size):
            try:
                yield found
            finally:
                found.end()
    finally:
        shutil.rmtree(root, ignore_errors=True)
