"""What goes wrong in the middle of a move between stages, while users read and write.

Every time: no request fails, no acknowledged write is lost, the command ends by itself within a
bound and says where writes go, and the next try works.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from tests.support import apps
from tests.support.hosts import gone, until
from tests.support.moves import (
    Bring,
    cut_off,
    go_on,
    kill_with_rescuer,
    processes_of,
    require_said,
    require_unharmed,
    rescuer_of,
    settle,
    silenced,
    stopped_at,
    wait_for_answers,
)
from tests.support.project import Project
from tests.support.users import Users

from tenfold.drills import cutting

pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.few(0)]
STAYS = "writes go to vm1/postgres, as before"
MAX_HOLD_SECONDS = 5.0
"""As it is by default."""
AGENTS_SECONDS = 10.0
"""How long an agent holds requests at most for a command that has gone."""
BACK_SECONDS = 3.0
"""What taking a switch back may cost users on top of that, on a busy machine."""
may_cut = pytest.mark.skipif(bool(cutting.why_not()), reason=cutting.why_not())


@contextmanager
def stopped_on_its_way(
    bring: Bring, point: str
) -> Iterator[tuple[Project, Users, subprocess.Popen[str]]]:
    """A move to 100 that has come to this point and stands still there, while two users write."""
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, point, "grow", "--to", "100", heard=True)
        assert command is not None
        yield project, users, command


@pytest.mark.parametrize("after", ["resume", "abort"])
def test_a_new_host_that_falls_silent_while_it_is_prepared_costs_users_nothing(
    bring: Bring, after: str
) -> None:
    with stopped_on_its_way(bring, "CatchUp.before") as (project, users, command):
        with silenced(project, "db1"):
            code, said, seconds = go_on(command, within=90)
            assert code == 1, said
            require_said(said, "db1", "does not answer", STAYS, "tenfold resume", "tenfold abort")
            wait_for_answers(users)
            said = project.ok("status")
            require_said(said, "degraded", "db1 does not answer", "was cut off", "tenfold abort")
        assert seconds < 60
        assert users.longest_seconds < MAX_HOLD_SECONDS
        settle(project, after)
        assert project.status()["stage"] == ("100" if after == "resume" else "10")
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("point", "after"),
    [
        ("Hold.after", "resume"),
        ("Fence.after", "resume"),
        ("AwaitLast.before", "abort"),
        ("Promote.before", "resume"),
    ],
)
def test_a_new_host_that_falls_silent_while_requests_wait_lets_them_go_on(
    bring: Bring, point: str, after: str
) -> None:
    with stopped_on_its_way(bring, point) as (project, users, command):
        with silenced(project, "db1"):
            code, said, _ = go_on(command, within=90)
            assert code == 1, said
            require_said(said, "db1/postgres does not answer", STAYS, "resume", "abort")
            wait_for_answers(users)
        assert users.longest_seconds < MAX_HOLD_SECONDS + BACK_SECONDS
        settle(project, after)
        assert project.status()["stage"] == ("100" if after == "resume" else "10")
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("word", [signal.SIGINT, signal.SIGHUP])
def test_whoever_gives_up_right_before_the_follower_is_asked_has_it_taken_back(
    bring: Bring, word: signal.Signals
) -> None:
    with stopped_on_its_way(bring, "Promote.before") as (project, users, command):
        command.send_signal(word)
        code, said, _ = go_on(command, within=90)
        assert code == 130, said
        require_said(said, "grow was interrupted", STAYS, "tenfold resume", "tenfold abort")
        wait_for_answers(users)
        assert users.longest_seconds < MAX_HOLD_SECONDS + BACK_SECONDS
        assert project.status()["stage"] == "10"
        settle(project)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("point", ["Unfence.before", "Unfence.after"])
def test_a_command_that_is_killed_while_it_takes_a_switch_back_needs_no_new_host(
    bring: Bring, point: str
) -> None:
    with stopped_on_its_way(bring, f"AwaitLast.before,{point}") as (project, users, command):
        with silenced(project, "db1"):
            command.send_signal(signal.SIGCONT)
            until(lambda: stands_still(command), f"the command to come to {point}")
            command.kill()
            command.communicate()
            wait_for_answers(users)
            assert users.longest_seconds < AGENTS_SECONDS + BACK_SECONDS
        settle(project, "abort")
        assert project.status()["stage"] == "10"
        wait_for_answers(users)
    require_unharmed(project, users)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("after", ["resume", "abort"])
def test_with_nobody_left_the_next_command_needs_no_new_host_either(
    bring: Bring, after: str
) -> None:
    with stopped_on_its_way(bring, "AwaitLast.before") as (project, users, command):
        with silenced(project, "db1"), users.harmed_by("nobody made the old database lead again"):
            kill_with_rescuer(command)
            command.communicate()
            done = project.tenfold(after, timeout=90)
            assert done.returncode == 1, done.stdout
            require_said(done.stderr, "db1", "the switch was taken back", "writes go to")
            wait_for_answers(users)
        settle(project, after)
        assert project.status()["stage"] == ("100" if after == "resume" else "10")
        wait_for_answers(users)
    users.require_nothing_lost()


def stands_still(command: subprocess.Popen[str]) -> bool:
    return psutil.Process(command.pid).status() == psutil.STATUS_STOPPED


@may_cut
def test_a_network_that_is_cut_before_the_copy_ends_the_command_and_costs_users_nothing(
    bring: Bring,
) -> None:
    with stopped_on_its_way(bring, "EnsureSlot.before") as (project, users, command):
        with cut_off(project, "db1"):
            code, said, _ = go_on(command, within=200)
            assert code == 1, said
            require_said(said, "db1/postgres", STAYS, "tenfold resume", "tenfold abort")
            wait_for_answers(users)
        assert users.longest_seconds < MAX_HOLD_SECONDS
        settle(project)
        assert project.status()["stage"] == "100"
    require_unharmed(project, users)


@may_cut
def test_a_network_that_is_cut_for_a_while_behind_the_copy_is_waited_for(bring: Bring) -> None:
    with stopped_on_its_way(bring, "CatchUp.before") as (project, users, command):
        with cut_off(project, "db1"):
            command.send_signal(signal.SIGCONT)
            before = len(users.acknowledged)
            until(lambda: len(users.acknowledged) > before + 40, "users being answered")
            require_said(project.ok("status"), "grow from stage 10 to 100 is under way", "behind")
            assert command.poll() is None
        code, said, _ = go_on(command, within=200)
        assert code == 0, said
        assert project.status()["stage"] == "100"
    require_unharmed(project, users)


@may_cut
def test_a_network_that_is_cut_while_requests_wait_lets_them_go_on(bring: Bring) -> None:
    with stopped_on_its_way(bring, "Hold.after") as (project, users, command):
        with cut_off(project, "db1"):
            code, said, _ = go_on(command, within=90)
            assert code == 1, said
            require_said(said, STAYS, "tenfold resume", "tenfold abort")
            wait_for_answers(users)
        assert users.longest_seconds < MAX_HOLD_SECONDS + BACK_SECONDS
        settle(project)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    require_unharmed(project, users)


@may_cut
def test_a_network_that_is_cut_behind_the_fence_loses_nothing(bring: Bring) -> None:
    """Its follower has everything by then. It is the app that cannot reach who comes to lead."""
    with stopped_on_its_way(bring, "Fence.after") as (project, users, command):
        with users.harmed_by("its network"):
            with cut_off(project, "db1"):
                go_on(command, within=90)
            wait_for_answers(users)
        settle(project)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    users.require_nothing_lost()


LOCK = "lock table notes in exclusive mode; select 'ada@example.org', pg_sleep(600)"
HOLDER = "select pid from pg_locks where mode = 'ExclusiveLock' and relation = 'notes'::regclass"


def configured(project: Project, table: str) -> None:
    """With some more lines in the project's file."""
    text = (project.path / "tenfold.toml").read_text()
    project.write("tenfold.toml", f"{text}\n{table}\n")


def asked(project: Project, query: str) -> str:
    """What the app's database answers the superuser."""
    return project.ok("psql", "--as", "superuser", "--", "-Atc", query).strip()


@contextmanager
def locked(project: Project) -> Iterator[int]:
    """Somebody at a prompt keeps every writer waiting; gives the process that does."""
    prompt = project.start("psql", "--", "-c", LOCK)
    try:
        deadline = time.monotonic() + 30
        while not (pid := asked(project, HOLDER)):
            assert time.monotonic() < deadline, "the lock was not taken"
            assert prompt.poll() is None, prompt.communicate()
        yield int(pid)
    finally:
        prompt.send_signal(signal.SIGINT)
        prompt.communicate(timeout=30)


def test_what_puts_a_switch_off_for_too_long_is_named(bring: Bring) -> None:
    project = bring(apps.diary)
    configured(project, '[transition]\nmax_postpone = "2s"')
    project.up()
    with Users(project, 2) as users, ThreadPoolExecutor(1) as pool:
        command = stopped_at(project, "Hold.before", "grow", "--to", "100", heard=True)
        assert command is not None
        slow = pool.submit(project.get, "/slow?seconds=12")
        code, said, _ = go_on(command, within=60)
        assert code == 1, said
        require_said(said, "the switch was put off for 2 s", STAYS)
        assert re.search(r"a request has run for|the oldest for", said), said
        assert "open in the database" not in said
        assert slow.result().status == 200
        command = stopped_at(project, "Hold.before", "resume", heard=True)
        assert command is not None
        with locked(project) as pid:
            code, said, _ = go_on(command, within=60)
        assert code == 1, said
        require_said(said, "the switch was put off for 2 s", STAYS)
        assert re.search(r"a request has run for|the oldest for", said), said
        require_said(said, f"process {pid}, active", "wait for it: lock table notes in exclusive")
        assert re.search(rf"process {pid}, active, since \d+ s", said), said
        assert "ada@example.org" not in said
        settle(project)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    require_unharmed(project, users)


def process_of(project: Project, host: str, role: str) -> psutil.Process:
    """The process of PostgreSQL on this host that has this part."""
    found = [p for p in processes_of(project, host) if f"postgres: {role}" in title(p)]
    assert len(found) == 1, f"{len(found)} with the part {role} on {host}"
    return found[0]


def title(process: psutil.Process) -> str:
    """What a server's process calls itself, without the name of its cluster."""
    return re.sub(r"^postgres: \S+/\S+ ", "postgres: ", " ".join(process.cmdline()))


@contextmanager
def not_following(project: Project, host: str) -> Iterator[None]:
    """A follower that neither receives nor replays while the block runs."""
    startup = process_of(project, host, "startup")
    startup.suspend()  # it would have another one receive
    try:
        process_of(project, host, "walreceiver").terminate()
        yield
    finally:
        if startup.is_running():
            startup.resume()


def let_go_of_the_log(project: Project) -> None:
    """Have db1, which leads, write past what it keeps for a follower that is away."""
    with (project.path / ".tenfold/hosts/db1/config/postgres/postgresql.conf").open("a") as conf:
        conf.write("max_slot_wal_keep_size = '16MB'\n")
    asked(project, "select pg_reload_conf()")
    deadline = time.monotonic() + 90
    while asked(project, "select wal_status from pg_replication_slots") != "lost":
        assert time.monotonic() < deadline, asked(project, "table pg_replication_slots")
        asked(project, "select pg_logical_emit_message(true, 'test', repeat('-', 20000000))")
        asked(project, "select pg_switch_wal()")
        asked(project, "checkpoint")


def test_a_way_back_that_is_lost_is_said_to_be(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        project.ok("grow", "--to", "100", timeout=200)
        with not_following(project, "vm1"):  # the directory keeps its name
            let_go_of_the_log(project)
            lost = "the way back is lost: db1/postgres has let go of log that app1/postgres"
            said = project.ok("status")
            require_said(said, lost, "tenfold complete")
            assert "tenfold reverse" not in said
            assert project.status()["transition"]["may"] == ["complete"]
            refused = project.tenfold("reverse")
            assert refused.returncode == 1
            require_said(refused.stderr, lost, "writes go to db1/postgres", "tenfold complete")
            require_said(refused.stderr, "tenfold shrink --to 10")
        wait_for_answers(users)
        project.ok("complete", "--yes", timeout=200)
        assert project.status()["transition"] is None
        wait_for_answers(users)
    require_unharmed(project, users)


def test_a_follower_that_never_catches_up_ends_the_move_in_time(bring: Bring) -> None:
    project = bring(apps.diary)
    configured(project, '[transition]\nmax_catch_up = "3s"')
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "CatchUp.before", "grow", "--to", "100", heard=True)
        assert command is not None
        startup = process_of(project, "db1", "startup")
        startup.suspend()
        try:
            asked(project, "select pg_logical_emit_message(true, 'test', repeat('-', 20000000))")
            code, said, seconds = go_on(command, within=60)
            assert code == 1, said
            require_said(said, "db1/postgres does not catch up", "behind after 3 s", STAYS)
            assert re.search(r"vm1/postgres writes \S+ k?B/s, db1/postgres replays 0 B/s", said), (
                said
            )
            require_said(said, "requests were never held", "max_catch_up", "tenfold abort")
            assert seconds < 20
            status = project.status()
            assert (status["stage"], status["transition"]["state"]) == ("10", "interrupted")
        finally:
            startup.resume()
        settle(project)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    require_unharmed(project, users)


def test_what_was_stopped_after_a_kill_is_not_started_by_whoever_stood_by(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        command = stopped_at(project, "AwaitLast.before", "grow", "--to", "100")
        assert command is not None
        rescuer = rescuer_of(command)
        rescuer.suspend()
        command.kill()
        command.wait()
        project.ok("down")
        assert project.status()["state"] == "stopped"
        rescuer.resume()
        until(lambda: gone(rescuer), "whoever stood by to end")
        assert project.processes() == []
        assert project.status()["state"] == "stopped"
    settle(project)
    assert project.status()["stage"] == "100"
    # Users were turned away while it was stopped; whoever had an answer is still there.
    assert set(users.acknowledged) <= set(project.get("/notes").json())
    assert users.acknowledged
    assert project.request("POST", "/notes", body=b"after all").status == 201


PLENTY = "size=16g"  # of address space; what is not written takes no memory


def resize(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{size}", str(folder)], check=True)


@contextmanager
def small_disk(project: Project, host: str, size: str) -> Iterator[Path]:
    """A disk of its own below the data of a host that is still to come."""
    folder = project.path / ".tenfold" / "hosts" / host / "data"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"{size},mode=755", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        project.close()
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_is_too_small_or_fills_up_costs_users_nothing(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    with small_disk(project, "db1", "size=20m") as disk, Users(project, 2) as users:
        refused = project.tenfold("grow", "--to", "100", "--prepare-only", timeout=200)
        assert refused.returncode == 1
        require_said(refused.stderr, "the disk there is too small", "make room there", STAYS)
        assert list(disk.iterdir()) == []
        resize(disk, PLENTY)
        # It fills up while it is copied.
        command = stopped_at(project, "StartUnit.before", "resume", heard=True)
        assert command is not None
        resize(disk, "size=20m")
        code, said, _ = go_on(command, within=120)
        assert code == 1, said
        require_said(said, "db1/postgres could not be copied", "the disk of db1 is full", STAYS)
        require_said(said, "No space left on device", "make room there", "tenfold resume")
        assert [p for p in disk.rglob("*") if p.is_file()] == []
        wait_for_answers(users)
        resize(disk, PLENTY)
        settle(project)
        assert project.status()["transition"]["phase"] == "prepared"
        # It fills up while it follows.
        used = sum(p.stat().st_blocks * 512 for p in disk.rglob("*") if p.is_file())
        resize(disk, f"size={used + (4 << 20)}")
        for _ in range(3):
            asked(project, "select pg_logical_emit_message(true, 'test', repeat('-', 20000000))")
        wait_for_answers(users)
        wait_for_words(project, r"is \d+\.\d MB behind|db1/postgres has 0 of 1")
        resize(disk, PLENTY)
        project.ok("grow", "--to", "100", timeout=200)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
        users.leave()
        require_unharmed(project, users)


def wait_for_words(project: Project, pattern: str) -> None:
    """``status`` says it, soon: a follower that has just lost its connection cannot be asked."""
    deadline = time.monotonic() + 60
    while not re.search(pattern, said := project.ok("status")):
        assert time.monotonic() < deadline, said


def test_a_second_operator_changes_nothing_while_a_move_is_under_way_or_over(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    with Users(project, 2) as users:
        first = stopped_at(project, "Settle.before", "grow", "move.json", heard=True)
        assert first is not None
        for command in (
            ("grow", "move.json"),
            ("grow", "--to", "100"),
            *(("resume",), ("abort",), ("reverse",), ("complete", "--yes")),
            *(("deploy",), ("rollback",), ("down",), ("up", "-d")),
        ):
            second = project.tenfold(*command)
            assert second.returncode == 1, (command, second.stdout)
            require_said(second.stderr, "tenfold grow is at work", f"pid {first.pid}")
            if command[0] in ("grow", "resume", "abort", "reverse", "complete"):
                require_said(second.stderr, "nothing; writes go to vm1/postgres")
        code, said, _ = go_on(first, within=120)
        assert code == 0, said
        for command, words in (
            (("grow", "move.json"), "the switch to stage 100 was made already"),
            (("grow", "--to", "100"), "the switch to stage 100 was made already"),
            (("resume",), "nothing was cut off"),
            (("abort",), "the switch was made already"),
        ):
            late = project.tenfold(*command)
            assert late.returncode == 1, (command, late.stdout)
            require_said(late.stderr, words, "tenfold complete", "tenfold reverse")
            require_said(late.stderr, "nothing; writes go to db1/postgres")
        assert project.status()["transition"]["may"] == ["complete", "reverse"]
        wait_for_answers(users)
    require_unharmed(project, users)


def test_a_plan_whose_first_half_was_made_already_is_refused(bring: Bring) -> None:
    project = bring(apps.diary)
    project.up()
    project.tenfold("plan", "--to", "100", "-o", "move.json")
    with Users(project, 2) as users:
        project.ok("grow", "--to", "100", "--prepare-only", timeout=200)
        refused = project.tenfold("grow", "move.json")
        assert refused.returncode == 1
        require_said(refused.stderr, "the world has changed since move.json was made", "nothing")
        assert project.status()["transition"]["phase"] == "prepared"
        planned = project.tenfold("plan", "--to", "100", "-o", "move.json")
        assert planned.returncode == 2, planned.stderr
        project.ok("grow", "move.json", timeout=200)
        assert project.status()["stage"] == "100"
        wait_for_answers(users)
    require_unharmed(project, users)
