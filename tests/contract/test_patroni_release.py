"""A PostgreSQL leaves Patroni's care as it runs, and may come back into it."""

from __future__ import annotations

import os
import signal
import time

import pytest
from tests.support.patroni import Writer, cluster
from tests.support.postgres import wait_for

pytestmark = pytest.mark.engine


def test_a_leash_that_is_told_to_leave_leaves_its_server_running_for_the_next_one() -> None:
    with cluster("db1", "db2") as found:
        found.start_etcd()
        member = found.members[0]
        member.start()
        found.wait_for_leader()
        found.make_database()
        before = member.postmaster()
        assert before is not None
        with Writer(found) as writer:
            for leaves in range(2):
                wait_for(lambda: member.pids("guard"), within=10, subject="the guard")
                os.kill(member.pid, signal.SIGUSR1)
                wait_for(lambda: not member.runs(), within=10, subject="the leash to leave")
                wait_for(lambda: not member.pids("patroni"), within=5, subject="Patroni to end")
                assert not member.pids("guard")
                writer.wait_past(time.monotonic())
                assert member.postmaster() == before
                if leaves == 0:
                    member.start()
                    found.wait_for_leader()
        assert not writer.failed
        assert member.postmaster() == before
