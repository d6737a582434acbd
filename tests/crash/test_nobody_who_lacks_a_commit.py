"""In the middle of the move to 1k and back the leader dies, and its follower lacks commits that
users were told of: it is not elected, whatever a commit waits for at that moment.

The follower receives nothing any more, what is on its way to it is full of other things, and then
users write: whoever is elected now has none of that.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import psutil
import pytest
from tests.crash.test_matrix_1k import at_100, leading, settle, wait_until_well
from tests.support.care import Member, witnessed
from tests.support.matrix import Cell
from tests.support.moves import Bring, end, stopped_at, wait_for_answers
from tests.support.project import Project
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(2400), pytest.mark.few(0)]
WRITE_SECONDS = 3.0
BULK = "SELECT pg_logical_emit_message(true, 'bulk', repeat('-', 20000000))"


@pytest.mark.parametrize(
    ("before", "point", "way"),
    [
        # A second time: what etcd knows of the first one is still there.
        (("grow", "reverse"), "RequireSynchronous.before", ("grow", "--to", "1k")),
        (("grow",), "LeaveCluster.kept", ("reverse",)),
    ],
    ids=["there, again", "back"],
)
def test_it_does_not_lead(
    bring: Bring, before: tuple[str, ...], point: str, way: tuple[str, ...]
) -> None:
    project = at_100(bring)
    for command in before:
        project.ok(command, *(("--to", "1k") if command == "grow" else ()), timeout=400)
    with ExitStack() as stack:
        command = stopped_at(project, point, *way, heard=True)
        assert command is not None
        stack.callback(end, command)
        users = stack.enter_context(Users(project, 2, think_seconds=0.02))
        stack.enter_context(witnessed(project))
        leader, follower = leading(project), Member(project, "db2")
        assert leader.host == "db1"
        with users.harmed_by("the leader's PostgreSQL"):
            with receiving_nothing(follower):
                fill_what_is_on_its_way(leader)
                time.sleep(WRITE_SECONDS)  # so that there is something to lose; no condition
                told = set(users.acknowledged)
                for pid in leader.pids("PostgreSQL"):
                    os.kill(pid, signal.SIGKILL)
            wait_for_answers(users)
            assert told <= kept(project)
            command.send_signal(signal.SIGCONT)
            command.wait(400)
            wait_for_answers(users)
        settle(project, users, Cell(point, "leader's PostgreSQL"))
        wait_until_well(project)
    assert users.failures == []
    users.require_nothing_lost()


def kept(project: Project) -> set[str]:
    return set(project.get("/notes").json())


@contextmanager
def receiving_nothing(member: Member) -> Iterator[None]:
    server = psutil.Process(member.pids("PostgreSQL")[0])
    receivers = [p for p in server.children() if "walreceiver" in " ".join(p.cmdline())]
    assert len(receivers) == 1, server.children()
    receivers[0].suspend()
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            receivers[0].resume()


def fill_what_is_on_its_way(leader: Member) -> None:
    with leader.connect() as session:
        session.execute("SET synchronous_commit = local")
        for _ in range(2):
            session.execute(BULK)
