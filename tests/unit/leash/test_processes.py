"""Which processes a data directory has, and that a pid alone is never enough."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import wait_for

from tenfold.leash import processes
from tenfold.leash.processes import IN_PRODUCTION, SHUTDOWNED, DataDirectory


@contextmanager
def pretender(
    path: Path, name: str = "postgres", env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of that name which works in the directory."""
    program = path.parent / name
    if not program.exists():
        shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60"], cwd=path, env=env) as process:
        try:
            wait_for(lambda: comm(process.pid) == name, within=5, subject="its name")
            yield process
        finally:
            process.kill()


def control(path: Path, state: int) -> None:
    (path / "global").mkdir(exist_ok=True)
    (path / "global" / "pg_control").write_bytes(bytes(16) + state.to_bytes(4, "little") + bytes(8))


def data(tmp_path: Path) -> Path:
    found = tmp_path / "cluster"
    found.mkdir()
    return found


def test_whatever_works_there_ends_and_nothing_else(tmp_path: Path) -> None:
    here, elsewhere = data(tmp_path), tmp_path / "other"
    elsewhere.mkdir()
    with pretender(here) as mine, pretender(elsewhere) as others, pretender(here, "sh") as tool:
        assert DataDirectory(str(here)).end(5)
        assert mine.wait(5) == -signal.SIGKILL
        assert others.poll() is None
        assert tool.poll() is None


def test_it_is_found_in_a_directory_that_was_renamed(tmp_path: Path) -> None:
    here = data(tmp_path)
    with pretender(here) as mine:
        found = DataDirectory(str(here))
        here.rename(tmp_path / "moved")
        assert found.end(5)
        assert mine.wait(5) == -signal.SIGKILL


def test_nothing_is_claimed_of_a_directory_that_nobody_saw(tmp_path: Path) -> None:
    assert not DataDirectory(str(tmp_path / "gone")).end(1)


def unseen(monkeypatch: pytest.MonkeyPatch, pid: int) -> None:
    """Nobody may look at this process."""
    look = os.stat

    def denied(path: str, *more: Any, **named: Any) -> os.stat_result:
        if path == f"/proc/{pid}/cwd":
            raise PermissionError(path)
        return look(path, *more, **named)

    monkeypatch.setattr(os, "stat", denied)


def test_nothing_is_claimed_of_a_process_that_cannot_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = data(tmp_path)
    with pretender(here) as mine:
        unseen(monkeypatch, mine.pid)
        found = DataDirectory(str(here))
        assert not found.end(0.2)
        assert not found.is_at_rest()
        assert found.unknown() == mine.pid


@pytest.mark.parametrize("theirs", ["a capability", "another group", "another user"])
def test_somebody_else_s_process_that_cannot_be_looked_at_is_none_of_the_cluster_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, theirs: str
) -> None:
    ids = (1000, 1000, 1000, 100, 100, 100)
    other = {
        "a capability": (ids, 1 << 2),
        "another group": ((*ids[:3], 101, 101, 101), 0),
        "another user": ((1001, 1001, 1001, *ids[3:]), 0),
    }[theirs]
    here, elsewhere = data(tmp_path), tmp_path / "other"
    elsewhere.mkdir()
    with pretender(elsewhere) as stranger:
        unseen(monkeypatch, stranger.pid)
        monkeypatch.setattr(
            processes, "_rights", lambda pid: other if pid == stranger.pid else (ids, 0)
        )
        assert DataDirectory(str(here)).is_at_rest()
        monkeypatch.setattr(processes, "_rights", lambda pid: (ids, 0))
        assert DataDirectory(str(here)).unknown() == stranger.pid


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a process a capability needs root")
def test_a_process_of_the_same_user_with_more_rights_delays_nobody(tmp_path: Path) -> None:
    here, elsewhere = data(tmp_path), tmp_path / "other"
    elsewhere.mkdir()
    program, found = elsewhere / "postgres", DataDirectory(str(here))
    shutil.copy("/bin/sleep", program)
    theirs = (
        *("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"),
        *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", str(program), "60"),
    )
    with subprocess.Popen(theirs, cwd=elsewhere) as stranger:
        try:
            wait_for(lambda: comm(stranger.pid) == "postgres", within=5, subject="its name")
            assert as_nobody(lambda: not can_look_at(stranger.pid))
            assert as_nobody(found.is_at_rest)
        finally:
            stranger.kill()


def can_look_at(pid: int) -> bool:
    try:
        os.stat(f"/proc/{pid}/cwd")
    except PermissionError:
        return False
    return True


def as_nobody(asked: Callable[[], bool]) -> bool:
    """What an ordinary user without any capability finds; asked in a process of its own."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            code = 0 if asked() else 1
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, 1)
    return code == 0


def test_one_that_is_just_being_started_is_known_by_its_arguments(tmp_path: Path) -> None:
    here, program = data(tmp_path), tmp_path / "postgres"
    program.symlink_to(sys.executable)
    argv = [program, "-c", "import time; time.sleep(60)", "-D", str(here)]
    with subprocess.Popen(argv, cwd="/") as server:
        wait_for(lambda: comm(server.pid) == "postgres", within=5, subject="its name")
        assert DataDirectory(str(here)).end(5)
        assert server.wait(5) == -signal.SIGKILL


def comm(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def test_whatever_has_the_marker_of_a_dead_leash_ends_in_whatever_session() -> None:
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as leash:
        since = processes.started_at(leash.pid)
        assert since is not None
        marked = {**os.environ, processes.LEASH: processes.marker(leash.pid, since)}
        with (
            subprocess.Popen(["/bin/sleep", "60"], env=marked, start_new_session=True) as child,
            subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as stranger,
        ):
            leash.kill()
            leash.wait(5)
            assert processes.end_session(leash.pid, since, 5)
            assert child.wait(5) == -signal.SIGKILL
            assert stranger.poll() is None
            stranger.kill()


def test_children_are_known_without_a_list_of_the_kernels() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        assert child.pid in processes.children()
        child.kill()


def test_a_recycled_pid_in_the_servers_file_is_nobodys(tmp_path: Path) -> None:
    here = data(tmp_path)
    with pretender(tmp_path) as stranger:
        (here / "postmaster.pid").write_text(f"{stranger.pid}\n{here}\n")
        assert DataDirectory(str(here)).postmaster() is None
        assert DataDirectory(str(here)).end(5)
        assert stranger.poll() is None


def test_a_process_that_is_held_stays_itself_when_its_pid_is_used_again(tmp_path: Path) -> None:
    here = data(tmp_path)
    with pretender(here) as mine:
        (here / "postmaster.pid").write_text(f"{mine.pid}\n{here}\n")
        held = DataDirectory(str(here)).postmaster()
        assert held is not None
        mine.kill()
        mine.wait(5)
        held.kill()  # there is nobody any more, whoever has the number
        assert held.ended()
        held.close()


def test_no_pid_and_no_number_are_no_server(tmp_path: Path) -> None:
    here = data(tmp_path)
    for text in ("", "-17\n", "0\n", "postgres\n", f"{2**40}\n"):
        (here / "postmaster.pid").write_text(text)
        assert DataDirectory(str(here)).postmaster() is None


def test_a_server_accepts_writes_when_it_runs_and_is_no_follower(tmp_path: Path) -> None:
    here = data(tmp_path)
    found = DataDirectory(str(here))
    assert not found.is_a_leaders()
    control(here, IN_PRODUCTION)
    assert found.is_a_leaders()
    assert not found.accepts_writes(), "it does not run"
    with pretender(here) as server:
        (here / "postmaster.pid").write_text(f"{server.pid}\n")
        assert found.accepts_writes()
        (here / "standby.signal").touch()
        assert not found.accepts_writes(), "a copy that begins to follow"
        (here / "standby.signal").unlink()
        control(here, IN_PRODUCTION - 1)
        assert not found.accepts_writes(), "it recovers"


def test_a_session_ends_though_its_leader_is_dead(tmp_path: Path) -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & sleep 60 & echo $! && wait"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as leader:
        assert leader.stdout is not None
        last = int(leader.stdout.readline())
        since = processes.started_at(leader.pid)
        assert since is not None
        leader.kill()
        leader.wait(5)
        assert processes.end_session(leader.pid, since, 5)
        assert not Path(f"/proc/{last}").exists() or _is_zombie(last)


def test_nothing_older_than_the_session_is_of_it() -> None:
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as other:
        since = processes.started_at(other.pid)
        assert since is not None
        assert processes.end_session(other.pid, since + 1, 1)
        assert other.poll() is None
        os.kill(other.pid, signal.SIGKILL)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_a_server_that_was_shut_down_is_none_that_crashed(tmp_path: Path) -> None:
    here = data(tmp_path)
    found = DataDirectory(str(here))
    control(here, SHUTDOWNED)
    assert found.was_shut_down()
    assert not found.is_a_leaders()
    (here / "standby.signal").touch()
    assert not found.was_shut_down()
