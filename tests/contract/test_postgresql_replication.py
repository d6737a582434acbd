"""A PostgreSQL that follows another takes over and gives back, and nothing is lost on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest
from tests.support.postgres import (
    ENGINE,
    Server,
    installations,
    made,
    make_follower,
    pair,
    running,
    unprivileged,
    wait_for,
)

from tenfold.deployment.databases import role
from tenfold.engines.postgresql import admin, orders, replication, switch
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.login import Connection
from tenfold.engines.postgresql.peers import slot_name
from tenfold.errors import StepFailed, TenfoldError
from tenfold.topology.settings import DatabaseSettings

pytestmark = [pytest.mark.engine, pytest.mark.few(6)]


def slot_of(server: Server) -> str:
    return slot_name(server.settings)


def caught_up(leader: Connection, follower: Connection, name: str) -> bool:
    state = replication.follower_state(leader, follower, name)
    return state.streaming and state.behind_bytes == 0


def follow(leader: Server, follower: Server) -> None:
    """Start the follower and wait until it has everything."""
    follower.start()
    with (
        leader.connect("superuser") as here,
        follower.connect("superuser") as there,
    ):
        wait_for(lambda: caught_up(here, there, slot_of(follower)), within=30, subject="a follower")


def writes(server: Server) -> bool:
    try:
        with server.connect("app") as app:
            app.execute("INSERT INTO ledger (note) VALUES ('does it write?')")
    except psycopg.errors.ReadOnlySqlTransaction:
        return False
    return True


def rows(server: Server) -> int:
    with server.connect("app") as app:
        row = app.execute("SELECT count(*) FROM ledger").fetchone()
    assert row is not None
    return int(str(row[0]))


def ledger(server: Server) -> None:
    with server.connect("app") as app:
        app.execute("CREATE TABLE ledger (id bigserial PRIMARY KEY, note text)")
        app.execute("INSERT INTO ledger (note) SELECT 'x' FROM generate_series(1, 1000)")


class Writer:
    """A client that writes to whoever leads; ``acknowledged`` holds what was committed."""

    def __init__(self, server: Server) -> None:
        self.acknowledged: list[int] = []
        self._server = server
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def _write(self) -> None:
        with suppress(psycopg.OperationalError, TenfoldError), self._server.connect("app") as app:
            while True:
                row = app.execute("INSERT INTO ledger DEFAULT VALUES RETURNING id").fetchone()
                assert row is not None
                self.acknowledged.append(int(str(row[0])))

    def join(self) -> None:
        self._thread.join(30)
        assert not self._thread.is_alive()


def hand_over(leader: Server, follower: Server) -> None:
    """The switch as transitions make it, step by step, under a client that never stops writing."""
    writer = Writer(leader)
    wait_for(lambda: len(writer.acknowledged) > 50, within=30, subject="50 writes")
    with follower.connect("superuser", database="postgres") as there:
        replication.ensure_slot(there, slot_of(leader))
        with leader.connect("superuser", database="postgres") as here:
            switch.make_stop_short(here, there, within_seconds=30)
        leader.order(orders.fence)
        leader.stop()
        writer.join()
        last = leader.on_disk()
        assert last.led_and_was_shut_down
        assert last.signal == "fenced"
        switch.wait_until_replayed(there, last.checkpoint, beyond=True, within_seconds=10)
        switch.promote(there)
        switch.wait_until_writable(there, within_seconds=10)
    follower.lead(leader)
    with follower.connect("app") as app:
        known = {int(str(row[0])) for row in app.execute("SELECT id FROM ledger")}
    assert set(writer.acknowledged) <= known
    assert follower.on_disk().signal == "none"
    leader.order(orders.follow)
    for server in (follower, leader):
        server.write()
    follower.reload()
    follow(follower, leader)
    assert leader.on_disk().signal == "follows"
    with leader.connect("superuser", database="postgres") as there:
        assert replication.drop_slot(there, slot_of(follower))


@pytest.mark.parametrize("binaries", installations(), ids=lambda b: f"{b.source}-{b.major}")
def test_a_database_moves_and_moves_back_and_nothing_acknowledged_is_lost(
    binaries: Binaries,
) -> None:
    """Three times, so that every way is gone with a history; the old side needs no pg_rewind."""
    settings = DatabaseSettings("shop", major=binaries.major)
    with pair(settings, binaries) as (vm1, db1):
        ledger(vm1)
        follow(vm1, db1)
        assert db1.on_disk().signal == "follows"
        for leader, follower in ((vm1, db1), (db1, vm1), (vm1, db1)):
            assert not writes(follower)
            hand_over(leader, follower)
            assert writes(follower)
            assert not writes(leader)
        wait_for(lambda: rows(vm1) == rows(db1), within=10, subject="the same rows")
        assert db1.on_disk().system_identifier == vm1.on_disk().system_identifier
        assert "pg_rewind" not in f"{vm1.commands} {db1.commands}"


def test_a_peer_that_comes_or_goes_restarts_nobody() -> None:
    with running() as server:
        launch, files = ENGINE.launch(server.unit, server.scene), server.scene
        with server.connect("superuser") as superuser:
            alone = admin.settings_in_force(superuser)["primary_slot_name"].value
            make_follower(server, server.root / "other")
            assert ENGINE.launch(server.unit, server.scene) == launch

            def in_force(value: str) -> bool:
                with server.connect("superuser") as fresh:
                    known = admin.settings_in_force(fresh)
                assert not [name for name, setting in known.items() if setting.pending_restart]
                return known["primary_slot_name"].value == value

            server.reload()
            wait_for(lambda: in_force("tenfold_1"), within=30, subject="a peer to be known")
            assert writes_at_all(superuser)
            server.scene = files
            server.reload()
            wait_for(lambda: in_force(alone), within=30, subject="the peer to be forgotten")
        assert "cannot be changed without restarting" not in server.log


def writes_at_all(connection: Connection) -> bool:
    return connection.execute("SELECT NOT pg_is_in_recovery()").fetchone() == (True,)


def test_a_fenced_leader_comes_back_read_only_however_it_ended() -> None:
    with pair() as (leader, _):
        ledger(leader)
        for end in (leader.stop, leader.kill):
            leader.order(orders.fence)
            leader.order(orders.fence)
            assert writes(leader), "a fence takes hold with the next start"
            end()
            leader.start()
            assert not writes(leader)
            leader.stop()
            leader.order(orders.unfence)
            leader.order(orders.unfence)
            leader.start()
            assert writes(leader)
        assert leader.on_disk().timeline == 1


@pytest.mark.parametrize("left", [b"", b"\0\0\0\0\0\0\0"])
def test_a_fence_whose_file_a_power_failure_emptied_holds_and_can_be_taken_away(
    left: bytes,
) -> None:
    with pair() as (leader, _):
        ledger(leader)
        leader.order(orders.fence)
        with (leader.data / "standby.signal").open("r+b") as file:
            file.truncate()
            file.write(left)
        leader.kill()
        leader.start()
        assert not writes(leader)
        leader.stop()
        assert role(leader.on_disk(), clustered=False) == "fenced"
        assert role(leader.on_disk(), clustered=True) == "follower", "Patroni's files are empty"
        leader.order(orders.unfence)
        assert role(leader.on_disk(), clustered=False) == "leader"
        leader.start()
        assert writes(leader)


def test_a_fence_that_is_killed_half_way_is_none_and_the_next_one_is_whole() -> None:
    """Until it is on disk with its word it has another name."""
    with running() as leader:
        ledger(leader)
        half = leader.data / "standby.signal.new"
        subprocess.run(["touch", half], check=True, **unprivileged())
        assert role(leader.on_disk(), clustered=False) == "leader"
        leader.order(orders.fence)
        assert not half.exists()
        assert role(leader.on_disk(), clustered=False) == "fenced"


def test_whom_commits_wait_for_is_known_also_while_nobody_follows() -> None:
    with pair() as (leader, follower):
        follow(leader, follower)
        with leader.connect("superuser") as here:
            assert replication.awaited(here) == replication.Awaited(waits=False, in_sync=())
            conf = Path(leader.scene.place.config, "postgresql.conf")
            conf.write_text(f"{conf.read_text()}synchronous_standby_names = '*'\n")
            here.execute("SELECT pg_reload_conf()")
            wait_for(lambda: replication.awaited(here).in_sync, within=10, subject="the setting")
            assert replication.awaited(here).waits
            follower.stop()
            wait_for(
                lambda: replication.awaited(here) == replication.Awaited(waits=True, in_sync=()),
                within=10,
                subject="the follower to be gone",
            )


def test_unfence_does_not_make_a_follower_lead() -> None:
    with pair() as (leader, follower):
        follow(leader, follower)
        follower.stop()
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            follower.order(orders.unfence)
        assert "follows another one" in refusal.value.stderr
        follower.order(orders.fence)
        follower.order(orders.follow)
        assert follower.on_disk().signal == "follows"
        with pytest.raises(subprocess.CalledProcessError):
            follower.order(orders.unfence)
        follower.start()
        with follower.connect("superuser") as superuser:
            assert not writes_at_all(superuser)


def test_orders_to_a_directory_without_a_cluster_fail_and_make_nothing() -> None:
    with made() as server:
        server.write()
        assert not server.on_disk().cluster
        for order in (orders.fence, orders.follow, orders.unfence):
            with pytest.raises(subprocess.CalledProcessError) as refusal:
                server.order(order)
            assert "no PostgreSQL cluster" in refusal.value.stderr
        assert list(server.data.parent.iterdir()) == []


def test_disk_state_through_the_life_of_a_server() -> None:
    with running() as server:
        state = server.on_disk()
        assert (state.cluster, state.signal, state.state) == (True, "none", "in production")
        assert state.postmaster == server.process.pid if server.process else False
        assert state.processes >= 5
        with server.connect("superuser") as superuser:
            known = superuser.execute(
                "SELECT (SELECT system_identifier FROM pg_control_system())::text,"
                " checkpoint_lsn::text, redo_lsn::text, timeline_id FROM pg_control_checkpoint()"
            ).fetchone()
        told = (state.system_identifier, state.checkpoint, state.redo, state.timeline)
        assert told == known
        server.kill()
        wait_for(lambda: server.on_disk().stopped, within=30, subject="the killed server's end")
        killed = server.on_disk()
        assert killed.postmaster is None
        assert not killed.led_and_was_shut_down
        server.start()
        server.stop()
        assert server.on_disk().led_and_was_shut_down
        (server.data / "standby.signal").write_text("a word of somebody else's")
        assert server.on_disk().signal == "other"


def test_a_session_that_outlives_its_killed_server_is_not_overlooked() -> None:
    """It may commit yet, so a directory with it in is not stopped."""
    with running() as server:
        with server.connect("app") as app:
            row = app.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            session = int(str(row[0]))
            os.kill(session, signal.SIGSTOP)
            try:
                server.kill()
                wait_for(
                    lambda: server.on_disk().processes == 1, within=30, subject="all others' end"
                )
                state = server.on_disk()
                assert state.postmaster is None
                assert not state.stopped
            finally:
                os.kill(session, signal.SIGKILL)
        wait_for(lambda: server.on_disk().stopped, within=30, subject="its end")


def test_a_copy_may_be_interrupted_at_any_moment() -> None:
    with pair() as (leader, follower):
        ledger(leader)
        follower.write()
        initialise = ENGINE.launch(follower.unit, follower.scene).prepare[0]
        for part in ("", "backup_label", "base/1", "global/pg_control", "standby.signal"):
            attempt = follower.begin(initialise)
            wait_for(
                lambda p=part, a=attempt: (
                    bool(list(follower.data.parent.glob(f"cluster.new.??????/{p}")))
                    or a.poll() is not None
                ),
                within=60,
                subject=part,
            )
            with suppress(ProcessLookupError):
                os.killpg(attempt.pid, signal.SIGKILL)
            if attempt.wait() == 0:
                break  # it was quicker
            assert not follower.data.exists()
        follow(leader, follower)
        assert [p.name for p in follower.data.parent.iterdir()] == ["cluster"]
        assert rows(follower) == 1000


def test_a_copy_whose_predecessor_still_has_the_slot_waits_for_it() -> None:
    """Another receiver stands for the first attempt's, whose end nobody has noticed yet."""
    with pair() as (leader, follower), leader.connect("superuser") as superuser:
        ledger(leader)
        follower.write()
        held = "SELECT pid FROM pg_replication_slots JOIN pg_stat_replication ON pid = active_pid"
        blocker = subprocess.Popen(
            [
                Path(follower.scene.place.binaries["pg_basebackup"]).with_name("pg_receivewal"),
                *("-D", str(follower.root / "logs"), "-S", slot_of(follower), "--no-password"),
                *("-h", "127.0.0.1", "-p", str(leader.login("app").port)),
                *("-U", leader.settings.replication_role),
            ],
            env={"PGPASSFILE": f"{follower.scene.place.config}/pgpass"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **unprivileged(),
        )
        try:
            wait_for(
                lambda: superuser.execute(held).fetchone() is not None,
                within=30,
                subject="a slot in use",
            )
            attempt = follower.begin(ENGINE.launch(follower.unit, follower.scene).prepare[0])
            wait_for(lambda: "is active for PID" in follower.log, within=30, subject="a refusal")
            assert attempt.poll() is None
        finally:
            blocker.kill()
            blocker.wait()
        assert attempt.wait(60) == 0
        follow(leader, follower)


def test_a_copy_without_its_slot_fails_by_name_and_leaves_nothing() -> None:
    with pair() as (leader, follower):
        with leader.connect("superuser", database="postgres") as superuser:
            assert replication.drop_slot(superuser, slot_of(follower))
        follower.write()
        with pytest.raises(subprocess.CalledProcessError) as failure:
            follower.run_prepare()
        assert 'slot "tenfold_2" does not exist' in failure.value.output
        assert list(follower.data.parent.iterdir()) == []


def test_how_far_a_copy_is_can_be_asked() -> None:
    with pair() as (leader, follower), leader.connect("superuser") as superuser:
        superuser.execute(
            "CREATE TABLE filler AS SELECT repeat('x', 1000) AS x FROM generate_series(1, 60000)"
        )
        assert replication.copy_progress(superuser, slot_of(follower)) is None
        follower.write()
        attempt = follower.begin(ENGINE.launch(follower.unit, follower.scene).prepare[0])
        seen: list[replication.CopyProgress] = []

        def told() -> bool:
            progress = replication.copy_progress(superuser, slot_of(follower))
            seen.extend([progress] if progress else [])
            return attempt.poll() is not None

        wait_for(told, within=60, subject="a copy")
        assert attempt.returncode == 0
        copied = [p.copied_bytes for p in seen]
        assert copied == sorted(copied)
        assert copied[-1] > 0
        assert seen[-1].total_bytes is not None
        assert seen[-1].total_bytes > 60_000_000


def test_a_slot_is_made_once_and_dropped_once() -> None:
    with running() as server, server.connect("superuser") as superuser:
        first = replication.ensure_slot(superuser, "tenfold_7")
        superuser.execute("SELECT pg_switch_wal()")
        again = replication.ensure_slot(superuser, "tenfold_7")
        assert first.restart_lsn == again.restart_lsn
        assert (again.kind, again.active, again.wal_status) == ("physical", False, "reserved")
        assert replication.drop_slot(superuser, "tenfold_7")
        assert not replication.drop_slot(superuser, "tenfold_7")


def test_the_slot_of_a_running_follower_is_not_dropped() -> None:
    with pair() as (leader, follower):
        follow(leader, follower)
        with leader.connect("superuser") as superuser:
            with pytest.raises(StepFailed, match="tenfold_2 is in use"):
                replication.drop_slot(superuser, slot_of(follower), within_seconds=0.2)
            follower.stop()
            assert replication.drop_slot(superuser, slot_of(follower))


@pytest.mark.timeout(240)
def test_a_follower_that_takes_nothing_any_more_does_not_stop_its_leader() -> None:
    """Its receiver stands still with the connection open and full, and its slot's limit is passed.

    A sender that is ended then has a last word to say, and nobody takes it.
    """
    with pair() as (leader, follower):
        follow(leader, follower)
        assert leader.process is not None
        assert follower.process is not None
        children = psutil.Process(follower.process.pid).children()
        (receiver,) = (p for p in children if "walreceiver" in " ".join(p.cmdline()))
        receiver.suspend()
        try:
            with leader.connect("superuser") as superuser, superuser.within(200):
                sent: list[object] = []

                def stuck() -> bool:
                    row = superuser.execute(
                        "SELECT sent_lsn, pg_wal_lsn_diff(pg_current_wal_flush_lsn(), sent_lsn)"
                        " > 10000000 FROM pg_stat_replication"
                    ).fetchone()
                    assert row is not None
                    sent.append(row[0])
                    return row[1] is True and sent[-50:] == [row[0]] * 50

                for _ in range(3):
                    superuser.execute(
                        "SELECT pg_logical_emit_message(false, 'test', repeat('-', 20000000))"
                    )
                    superuser.execute("SELECT pg_switch_wal()")
                wait_for(stuck, within=25, subject="the sender to be stuck")
                conf = Path(leader.scene.place.config, "postgresql.conf")
                conf.write_text(conf.read_text() + "max_slot_wal_keep_size = '8MB'\n")
                leader.process.send_signal(signal.SIGHUP)

                def lost() -> bool:
                    superuser.execute("CHECKPOINT")
                    found = replication.slot(superuser, slot_of(follower))
                    return found is not None and found.lost

                wait_for(lost, within=120, subject="the slot to be lost")
        finally:
            receiver.resume()


def test_a_follower_that_was_away_for_too_long_is_reported_as_lost() -> None:
    with pair() as (leader, follower):
        follow(leader, follower)
        follower.stop()
        conf = Path(leader.scene.place.config, "postgresql.conf")
        conf.write_text(
            conf.read_text() + "max_slot_wal_keep_size = '1MB'\nmax_wal_size = '32MB'\n"
        )
        assert leader.process is not None
        leader.process.send_signal(signal.SIGHUP)
        with leader.connect("superuser") as superuser:
            superuser.execute("CREATE TABLE filler (x text)")

            def lost() -> bool:
                superuser.execute(
                    "INSERT INTO filler SELECT repeat('x', 1000) FROM generate_series(1, 20000)"
                )
                superuser.execute("SELECT pg_switch_wal()")
                superuser.execute("CHECKPOINT")
                found = replication.slot(superuser, slot_of(follower))
                return found is not None and found.lost

            wait_for(lost, within=60, subject="the slot to be lost")
            follower.start()
            with follower.connect("superuser") as there:
                state = replication.follower_state(superuser, there, slot_of(follower))
                assert state.lost
                assert not state.streaming
                assert state.behind_bytes > 0
                with pytest.raises(StepFailed, match="bytes short of"):
                    switch.wait_until_replayed(there, switch.flushed(superuser), within_seconds=0.2)
            again = replication.ensure_slot(superuser, slot_of(follower))
            assert again.lost, "a gap stays visible until somebody drops the slot"


def test_before_a_stop_the_next_segment_is_laid_out_on_both_sides() -> None:
    with pair() as (leader, follower):
        ledger(leader)
        follow(leader, follower)
        segment = "SELECT name FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$' ORDER BY name"
        with leader.connect("superuser") as here, follower.connect("superuser") as there:
            for _ in range(2):  # once more changes nothing for the worse
                switch.make_stop_short(here, there, within_seconds=30)
            row = here.execute(
                "SELECT pg_walfile_name(pg_current_wal_lsn()), file_offset,"
                " pg_size_bytes(current_setting('wal_segment_size'))"
                "  FROM pg_walfile_name_offset(pg_current_wal_lsn())"
            ).fetchone()
            assert row is not None
            current, offset, size = str(row[0]), int(str(row[1])), int(str(row[2]))
            assert size - offset <= switch.ROOM_SHARE * size
            for side in (here, there):
                names = [str(name) for (name,) in side.execute(segment)]
                assert max(names) > current
        assert rows(follower) == 1000


def test_waiting_ends_with_what_it_waited_for() -> None:
    with pair() as (leader, follower):
        follow(leader, follower)
        with (
            leader.connect("superuser") as here,
            pytest.raises(StepFailed, match="never followed anybody"),
        ):
            switch.wait_until_replayed(here, "0/1", within_seconds=1)
        with follower.connect("superuser") as there:
            with pytest.raises(StepFailed, match="still follows"):
                switch.wait_until_writable(there, within_seconds=0.1)
            follower.kill()
            with pytest.raises(StepFailed, match="broke off"):
                switch.wait_until_writable(there, within_seconds=1)


def test_a_follower_on_a_smaller_host_follows_a_leader_on_a_larger() -> None:
    """Less of max_connections than the leader's, and it would not start."""
    with running() as leader:
        large = replace(leader.scene.host, cores=32)
        topology = replace(leader.scene.topology, hosts=(large,))
        leader.scene = replace(leader.scene, host=large, topology=topology)
        leader.stop()
        leader.start()
        root = leader.root / "other"
        follower = make_follower(leader, root)
        assert follower.scene.host.cores == 2
        leader.reload()
        with leader.connect("superuser", database="postgres") as superuser:
            replication.ensure_slot(superuser, slot_of(follower))
        try:
            follow(leader, follower)
        finally:
            follower.stop()
