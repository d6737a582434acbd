"""kill -9 of everything that takes part in the move to stage 1k and back, while users write.

``make test`` leaves it out; ``make crash`` runs the whole matrix.
Every time: nothing that was acknowledged is lost, whoever fails was in hand when somebody was
killed, no two databases accept writes, and the server of a leader that nobody touched is the same
process afterwards. What was covered is printed at the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import psycopg
import pytest
from tests.support import apps
from tests.support.care import LOOK, Member, members, witnessed
from tests.support.matrix import TO_1K, Cell
from tests.support.moves import Bring, end, stopped_at, wait_for_answers
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(36_000), pytest.mark.few(0)]
PARTS = len(TO_1K.points)
"""Each of a few kills, so that one can be run by itself."""
SETTLE_SECONDS = 600.0
MOVE_SECONDS = 900.0
"""No figure: what a command may take on a machine that is busy with other things."""
SEEN_SECONDS = 0.5
"""What comes so soon after a fault may still count as in hand: it is not seen at once."""
THERE, BACK = ("grow", "--to", "1k"), ("reverse",)
ON_THE_WAY_THERE = ("AdoptDatabase", "JoinCluster", "RequireSynchronous", "WarmPool", "Handover")
IN_CARE = (
    *("JoinCluster.after", "RequireSynchronous.before", "RequireSynchronous.configured"),
    *("RequireSynchronous.after", "WarmPool.before", "Handover.before"),
)
"""Points of the way there at which the database is in Patroni's care, and the stage still 100."""
FIRST = "db1"
"""Who leads at stage 100."""


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_whoever_is_killed_at_whatever_point(
    part: int,
    bring: Bring,
    cells_to_1k: Sequence[Cell],
    record_property: Callable[[str, str], None],
) -> None:
    project = at_100(bring)
    with Users(project, 2, think_seconds=0.02) as users:
        for cell in cells_to_1k[part::PARTS]:
            outcome = strike(project, users, cell)
            told = (TO_1K.name, cell.point, cell.victim, cell.then, outcome)
            record_property("matrix", "/".join(told))
            assert users.failures == [], cell
    users.require_nothing_lost()


def at_100(bring: Bring) -> Project:
    project = bring(apps.diary)
    project = Patient.of(project)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port), timeout=MOVE_SECONDS)
    return project


def strike(project: Project, users: Users, cell: Cell) -> str:
    """Come to the point, kill, and settle; tells whether there was somebody to kill."""
    with ExitStack() as stack:
        stack.enter_context(witnessed(project))
        command = come_to(project, users, cell.point)
        stack.callback(end, command)
        leader = leading(project)
        if cell.point in IN_CARE:
            require_told(project, leader.host)
        before = leader.postmaster()
        victims = pids_of(project, leader, cell.victim, command)
        serves = cell.victim in TO_1K.serve and bool(victims)
        kept = has_keeper(project)
        fault = time.monotonic()
        with users.harmed_by(cell.victim if serves else None):
            for pid in victims:
                with suppress(ProcessLookupError):  # a worker that was about to leave
                    os.kill(pid, signal.SIGKILL)
            command.send_signal(signal.SIGCONT)
            command.wait(timeout=MOVE_SECONDS)
            wait_for_answers(users)
        if kept or cell.victim in ("edge", "app"):
            late = [sent for sent in users.excused_sent if sent > fault + SEEN_SECONDS]
            assert not late, f"{cell}: sent {late[0] - fault:.2f} s after it\n{users.excused}"
        settle(project, users, cell)
        wait_for_answers(users)
    if not serves:
        assert leader.postmaster() == before, f"{cell}: the server of {leader.host} is another one"
    return "struck" if victims else "missed"


def require_told(project: Project, leader: str) -> None:
    """Who leads, and that etcd agrees, is told from when that is Patroni's to say."""

    def told() -> bool:
        found = project.status().get("failover") or {}
        return (found.get("leader"), found.get("etcd_agree")) == (leader, 3)

    assert project.status()["stage"] == "100"
    until(told, f"status to tell that {leader} leads, and that etcd agrees")
    said = project.ok("status")
    assert "in sync" in said or f"{leader} acknowledges alone" in said, said


def come_to(project: Project, users: Users, point: str) -> subprocess.Popen[str]:
    """A command that stands still at this point."""
    step = point.partition(".")[0]
    if step == "AwaitQuorum":
        bring_to(project, users, "100")
        way = THERE
    elif step in ON_THE_WAY_THERE:
        if at(project) == "1k":
            bring_to(project, users, "100+1k")
        way = THERE
    elif step == "RemoveEtcd":
        bring_to(project, users, "100+1k")
        way = ("abort",)
    else:
        bring_to(project, users, "1k")
        if step == "SwitchOver":
            have_another_one_lead(project, users)
        way = BACK
    with users.harmed_by(changing(project) if step != "SwitchOver" else None):
        command = stopped_at(project, point, *way, heard=True)
    assert command is not None
    return command


def at(project: Project) -> str:
    """The position."""
    status = project.status()
    prepared = (status["transition"] or {}).get("phase") == "prepared"
    return "100+1k" if prepared else str(status["stage"])


def bring_to(project: Project, users: Users, position: str) -> None:
    """In order, with nobody killed."""
    here = at(project)
    if here == position:
        return
    if position == "1k":
        project.ok(*THERE, timeout=MOVE_SECONDS)
    elif here == "100":
        project.ok(*THERE, "--prepare-only", timeout=MOVE_SECONDS)
    elif here == "100+1k":
        project.ok("abort", timeout=MOVE_SECONDS)
    else:
        with users.harmed_by(changing(project)):
            project.ok(*BACK, timeout=MOVE_SECONDS)
        bring_to(project, users, position)


def have_another_one_lead(project: Project, users: Users) -> None:
    """The leader's server dies, so that the way back has to change leaders."""
    old = leading(project)
    if old.host != FIRST:
        return
    fault = time.monotonic()
    with users.harmed_by("the leader's PostgreSQL"):
        for pid in old.pids("PostgreSQL"):
            os.kill(pid, signal.SIGKILL)
        until(lambda: project.status()["failover"]["leader"] not in (None, FIRST), "another leader")
        wait_for_answers(users)
    assert [sent for sent in users.excused_sent if sent > fault + SEEN_SECONDS] == []
    wait_until_well(project)


def changing(project: Project) -> str | None:
    """Whether the way back changes leaders: requests in hand at that moment may fail."""
    found = project.status().get("failover")
    changes = found is not None and found["leader"] not in (None, FIRST)
    return "Patroni changes leaders" if changes else None


def leading(project: Project) -> Member:
    """Whose server accepts writes: there is one while nobody was killed."""
    return until(lambda: next((m for m in members(project) if _leads(m)), None), "a leader")


def _leads(member: Member) -> bool:
    if member.postmaster() is None:
        return False
    with suppress(psycopg.Error), member.connect() as session:
        return session.execute(LOOK).fetchone() == (False,)
    return False


def has_keeper(project: Project) -> bool:
    """Whether requests are held when the database has no leader: from stage 1k on."""
    return any(u["name"] == "failover" and u["state"] == "running" for u in project.units())


def pids_of(
    project: Project, leader: Member, victim: str, command: subprocess.Popen[str]
) -> list[int]:
    """The processes of one part; none while it does not run."""
    other = Member(project, "db2" if leader.host == "db1" else "db1")
    match victim.split():
        case ["command"]:
            return [command.pid]
        case ["agent", "of", host]:
            return engine(project, host, "tenfold")
        case ["leader's", *words]:
            return [pid for word in words if word != "and" for pid in leader.pids(word)]
        case ["follower's", word]:
            return other.pids(word)
        case ["a", "member", "of", "etcd"]:
            return engine(project, "db2", "etcd")
        case ["edge"]:
            return engine(project, "app1", "nginx")
        case ["app"]:
            return engine(project, "app1", "uvicorn")
    raise ValueError(victim)


def engine(project: Project, name: str, engine: str) -> list[int]:
    """The processes of this engine's units on this host."""
    units = [u for h in project.status()["hosts"] if h["name"] == name for u in h["units"]]
    return [unit["pid"] for unit in units if unit["engine"] == engine and unit["pid"]]


def settle(project: Project, users: Users, cell: Cell) -> None:
    """Finish what was cut off, or give it up where that is still possible."""
    deadline = time.monotonic() + SETTLE_SECONDS
    command = cell.then
    while True:
        with users.harmed_by(changing(project)):
            done = project.tenfold(command, timeout=MOVE_SECONDS)
            wait_for_answers(users)
        if done.returncode == 0 or "nothing was cut off" in done.stderr:
            break
        assert time.monotonic() < deadline, f"{cell}\n{done.stdout}{done.stderr}"
        if "at work" not in done.stderr:
            command = "resume"
        time.sleep(0.2)
    wait_until_well(project)


def wait_until_well(project: Project) -> None:
    """Whoever was killed is back."""
    until(lambda: is_well(project.status()), "everybody to be back", SETTLE_SECONDS)


def is_well(status: Mapping[str, Any]) -> bool:
    failover = status.get("failover")
    return (
        status["state"] == "running"
        and (status["transition"] or {}).get("state") != "interrupted"
        and (failover is None or (failover["in_sync"] != [] and failover["etcd_agree"] == 3))
    )
