"""Whatever dies of a leader: nobody else writes meanwhile, the next one leads, nothing is lost."""

from __future__ import annotations

import datetime
import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.patroni import Cluster, Member, Writer, cluster
from tests.support.postgres import wait_for

from tenfold.engines.etcd import admin as etcd_admin
from tenfold.engines.etcd import probe as etcd_probe
from tenfold.engines.patroni import admin, probe
from tenfold.engines.patroni.rest import ask
from tenfold.errors import StepFailed
from tenfold.leash.config import read

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300), pytest.mark.few(1)]

KILLS = {
    "postgres": ("postgres",),
    "patroni": ("patroni",),
    "both": ("patroni", "postgres"),
    "leash": ("leash",),
    "leash and patroni": ("leash", "patroni"),
    "leash, patroni and postgres": ("leash", "patroni", "postgres"),
    "guard and patroni": ("guard", "patroni"),
}


@contextmanager
def watched(found: Cluster) -> Iterator[list[list[str]]]:
    """Who accepted writes, looked at all the time; the moments when more than one did."""
    seen: list[list[str]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            writable = found.writable()
            if len(writable) > 1:
                seen.append(writable)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join(10)


@pytest.mark.parametrize("what", KILLS)
def test_another_member_leads_and_nothing_is_lost_when(what: str) -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        old = found.leader()
        with watched(found) as two_at_once, Writer(found) as writer:
            at = old.kill(*KILLS[what])
            new = found.wait_for_leader(other_than=old.name, within=15)
            writer.wait_past(time.monotonic())
        assert not old.working()
        assert not two_at_once
        assert len(writer.failed) <= 1  # the one that was on its way
        assert not writer.lost()
        # Without the leash's word to etcd it could not be quicker than the lease.
        assert writer.gap(at) < 10
        assert old.process is not None
        assert old.process.wait(15) != 0

        old.start()  # its agent would: it comes back as a follower, rewound
        found.wait_in_sync()
        assert found.leader() is new
        assert not writer.lost()


WHOLE = ("guard", "leash", "patroni", "postgres")


def kill_whole(member: Member) -> float:
    """Everything at once; gives when."""
    member.kill(*WHOLE, how=signal.SIGSTOP)  # Else one of them may see another one's end.
    return member.kill(*WHOLE)


@pytest.mark.parametrize("names", [("db1", "db2"), ("db1", "db2", "db3")], ids=["two", "three"])
@pytest.mark.always
def test_others_elect_at_once_when_nothing_is_left_of_a_leader(names: tuple[str, ...]) -> None:
    with cluster(*names) as found:
        found.begin()
        old = found.leader()
        with watched(found) as two_at_once, Writer(found) as writer:
            at = kill_whole(old)
            new = found.wait_for_leader(other_than=old.name, within=15)
            writer.wait_past(time.monotonic())
        assert not two_at_once
        assert len(writer.failed) <= 1  # the one that was on its way
        assert not writer.lost()
        assert writer.gap(at) < 10, "the lease is 20 s"
        old.process.wait(5)  # type: ignore[union-attr]
        old.start()
        found.wait_in_sync()
        assert found.leader() is new
        said = [m.log.count("the others elect now") for m in found.members]
        assert sum(said) == 1, "of two that see it one acts"


def test_a_leader_of_which_only_the_server_lives_is_left_to_its_agent_and_then_ended() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        old = found.leader()
        without = tuple(one for one in WHOLE if one != "postgres")
        with watched(found) as two_at_once, Writer(found) as writer:
            old.kill(*without, how=signal.SIGSTOP)
            at = old.kill(*without)
            old.process.wait(5)  # type: ignore[union-attr]
            wait_for(lambda: not old.working(), within=30, subject="the server to be ended")
            assert time.monotonic() - at > 9
            found.wait_for_leader(other_than=old.name, within=15)
            writer.wait_past(time.monotonic())
        assert not two_at_once
        assert not writer.lost()
        assert writer.gap(at) < 10, "it went on until it was ended"


def test_nobody_takes_the_key_of_a_leader_whose_next_leash_is_there() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        old, other = found.members
        lock = Path(read(str(old.config / "leash.json")).lock)
        held = os.open(lock, os.O_RDWR)
        with watched(found) as two_at_once:
            # As its own next leash, which comes before anybody else looks.
            waits = threading.Thread(target=fcntl.flock, args=(held, fcntl.LOCK_EX))
            waits.start()
            kill_whole(old)
            waits.join(10)
            old.process.wait(5)  # type: ignore[union-attr]
            old.start()
            time.sleep(1)  # no condition: that nobody takes the key away is what is tested
            assert found.holder() == old.name
            os.close(held)
            found.wait_in_sync()  # whoever leads: Patroni gives up a server that crashed
        assert not two_at_once
        assert "nothing of db1 lives" not in other.log


def test_a_leader_whose_log_went_its_own_way_is_rewound() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        old, new = found.members
        with old.connect("superuser", options="-c synchronous_commit=local") as session:
            session.execute("CREATE TABLE kept (id int)")
            found.wait_in_sync()
            new.kill("postgres", how=signal.SIGSTOP)
            stopped = new.working()
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            new.paused += stopped
            # More than fits on its way: what comes behind it is acknowledged by nobody else.
            rows = "SELECT repeat(md5(n::text), 40) FROM generate_series(1, 40000) n"
            session.execute(f"CREATE TABLE bulk AS {rows}")
            session.execute("CREATE TABLE alone (id int)")
            old.kill("patroni")
            wait_for(lambda: not old.working(), within=10, subject="the old leader to be ended")
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        assert found.wait_for_leader(other_than=old.name, within=30) is new
        wait_for(lambda: found.writable() == [new.name], within=30, subject="the log's end")
        with new.connect("superuser") as session:
            session.execute("CREATE TABLE later (id int)")
        assert old.process is not None
        old.process.wait(15)
        old.start()
        found.wait_in_sync(within=90)
        assert "pg_rewind" in old.log
        with old.connect("superuser") as session:
            tables = {row[0] for row in session.execute("SELECT relname FROM pg_class")}
        assert {"kept", "later"} <= tables
        assert "alone" not in tables


@pytest.mark.parametrize("what", [("patroni",), ("patroni", "leash")], ids=["patroni", "both"])
def test_a_leader_that_hangs_is_ended_before_its_lease_runs_out(what: tuple[str, ...]) -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        old = found.leader()
        with watched(found) as two_at_once, Writer(found) as writer:
            at = old.kill(*what, how=signal.SIGSTOP)
            wait_for(lambda: not old.working(), within=30, subject="the server to be ended")
            ended = time.monotonic() - at
            found.wait_for_leader(other_than=old.name, within=15)
            writer.wait_past(time.monotonic())
        assert 10 < ended < 20
        assert not two_at_once
        assert not writer.lost()


def test_a_leader_goes_on_without_a_quorum_of_etcd_for_longer_than_a_lease() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        leader = found.leader()
        before = leader.postmaster()
        with Writer(found) as writer:
            for one in found.etcd[1:]:
                one.process.kill()  # type: ignore[union-attr]
                one.process.wait(10)  # type: ignore[union-attr]
            state = etcd_probe.observe("main", found.etcd[0].scene)
            assert (state.spare, sum(m.answers for m in state.members)) == (-1, 1)
            time.sleep(30)  # no condition: that nothing happens for so long is what is tested
            writer.wait_past(time.monotonic())
            for one in found.etcd[1:]:
                one.start()
            found.wait_in_sync()
        assert leader.postmaster() == before
        assert not writer.failed
        assert writer.gap(0) < 10


@pytest.mark.always
def test_orders_and_what_the_cluster_says_of_itself() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        first, second = found.members
        seen = probe.observe(second.unit, second.scene)
        assert seen.leader is not None
        assert (seen.leader.name, seen.in_sync, seen.paused) == ("db1", ("db2",), False)
        assert not any(m.needs_restart for m in seen.members)
        assert not admin.configure(first.unit, first.scene)

        state = etcd_probe.observe("main", found.etcd[0].scene)
        assert (state.quorum, state.spare) == (True, 1)
        kept = found.root / "snapshot"
        assert etcd_admin.snapshot(found.etcd[0].unit, found.etcd[0].scene, kept) > 0
        assert kept.stat().st_size > 0
        assert kept.stat().st_mode & 0o777 == 0o600, "it has all that is in etcd"

        admin.pause(first.unit, first.scene, paused=True)
        assert probe.observe(first.unit, first.scene).paused
        admin.pause(first.unit, first.scene, paused=False)
        with pytest.raises(StepFailed):
            admin.switch_over(first.unit, first.scene, leader="db2", candidate="db1")
        with Writer(found) as writer:
            at = time.monotonic()
            admin.switch_over(second.unit, second.scene, leader="db1", candidate="db2")
            writer.wait_past(time.monotonic())
        assert found.leader() is second
        assert not writer.lost()
        assert writer.gap(at) < 5
        found.wait_in_sync()


def test_a_member_that_led_before_leads_again() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        first = found.members[0]
        admin.switch_over(first.unit, first.scene, leader="db1", candidate="db2")
        found.wait_for_leader(other_than="db1", within=15)
        found.wait_in_sync()
        time.sleep(18)  # no condition: until the lease of its first lead is over by its own word
        with watched(found) as two_at_once, Writer(found) as writer:
            admin.switch_over(first.unit, first.scene, leader="db2", candidate="db1")
            assert found.wait_for_leader(other_than="db2", within=15) is first
            writer.wait_past(time.monotonic())
            found.wait_in_sync()
        assert all(member.runs() for member in found.members)
        assert "so PostgreSQL ends" not in first.log
        assert not two_at_once
        assert not writer.lost()


def test_a_restart_before_a_switchover_that_is_scheduled_hands_nothing_over() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        first = found.members[0]
        later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
        order = {"leader": "db1", "candidate": "db2", "scheduled_at": later.isoformat()}
        status, said = ask(first.unit, first.scene, "/switchover", order)
        assert status == 202, said
        with watched(found) as two_at_once:
            status, said = ask(first.unit, first.scene, "/restart", {}, within_seconds=60)
            assert status == 200, said
            found.wait_in_sync()
        assert found.leader() is first
        assert not two_at_once
        assert "the others elect now" not in first.log


def test_a_member_that_may_lack_commits_leads_only_where_that_is_said() -> None:
    with cluster("db1", "db2") as found:
        found.begin()
        first, second = found.members
        second.stop()
        with first.connect("superuser") as session:  # when it leads alone, it acknowledges alone
            session.execute("CREATE TABLE alone (id int)")
        first.stop()
        second.start()
        wait_for(lambda: second.ask()[0] == 200, within=30, subject="Patroni")
        with pytest.raises(StepFailed, match="db2"):
            admin.fail_over(second.unit, second.scene, candidate="db2")
        assert found.holder() is None
        admin.fail_over(second.unit, second.scene, candidate="db2", may_lose=True)
        assert found.wait_for_leader(within=30) is second


def test_a_member_of_etcd_leaves_and_another_one_joins() -> None:
    with cluster("db1", "db2") as found:
        found.start_etcd()
        first, _, third = found.etcd
        assert {m.name for m in etcd_admin.members(first.unit, first.scene)} == {
            one.unit.host for one in found.etcd
        }
        third.stop()
        assert etcd_admin.remove(first.unit, first.scene, third.unit.host)
        assert not etcd_admin.remove(first.unit, first.scene, third.unit.host)
        joins = etcd_admin.add(first.unit, first.scene, third.unit)
        assert etcd_admin.add(first.unit, first.scene, third.unit) == joins
        found.renew(third, joins)
        wait_for(
            lambda: etcd_probe.observe("main", first.scene).spare == 1,
            within=20,
            subject="three members to answer",
        )
