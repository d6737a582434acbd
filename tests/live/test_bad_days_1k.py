"""Bad days at stage 1k, with users: what they notice, and what ``status`` says meanwhile."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.live.test_deploy import change
from tests.support import apps, backups
from tests.support.care import Member
from tests.support.moves import go_on, stopped_at, wait_for_answers
from tests.support.patient import Patient
from tests.support.project import Project
from tests.support.users import Users
from tests.support.working import until

from tenfold.engines.etcd import find as find_etcd

pytestmark = [pytest.mark.live, pytest.mark.timeout(1800), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
SEEN_SECONDS = 0.5
"""What comes so soon after a fault may still count as in hand: it is not seen at once."""
ETCD_HOSTS = ("db1", "db2", "arbiter")


def at_1k(bring: Bring, kind: Callable[[Path], Project] = apps.diary) -> Project:
    project = bring(kind)
    project = Patient.of(project)
    project.ok("up", "-d", "--stage", "1k", "--port", str(project.port), timeout=300)
    wait_until_well(project)
    return project


def wait_until_well(project: Project) -> None:
    def well() -> bool:
        status = project.status()
        return bool(status["state"] == "running" and status["failover"]["in_sync"])

    until(well, "everybody to be in sync", within=180)


def wait_for_words(project: Project, *patterns: str, within: float = 60) -> None:
    """``status`` says all of it, soon."""

    def says() -> bool:
        said = " ".join(project.ok("status").split())
        return all(re.search(pattern, said) for pattern in patterns)

    try:
        until(says, f"status to say {patterns}", within=within)
    except AssertionError as failure:
        raise AssertionError(f"{failure}\n{project.ok('status')}") from None


def kill_the_leader(project: Project, users: Users) -> float:
    """kill -9 of its server, and what was in hand fails; gives when."""
    leader = project.status()["failover"]["leader"]
    at = time.monotonic()
    (server,) = Member(project, leader).pids("PostgreSQL")
    os.kill(server, signal.SIGKILL)
    return at


def require_in_hand(users: Users, at: float) -> None:
    late = [sent - at for sent in users.excused_sent if sent > at + SEEN_SECONDS]
    assert not late, f"failed, and sent {late} s after the fault: {users.excused}"


def pid_of(project: Project, host: str, unit: str) -> int:
    units = [u for h in project.status()["hosts"] if h["name"] == host for u in h["units"]]
    return int(next(u["pid"] for u in units if u["name"] == unit))


@contextmanager
def paused(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_a_leader_dies_during_a_deploy(bring: Bring) -> None:
    project = at_1k(bring)
    with Users(project, 2) as users:
        change(project, "two")
        command = stopped_at(project, "Handover.before", "deploy", heard=True)
        assert command is not None
        with users.harmed_by("the leader"):
            at = kill_the_leader(project, users)
            code, said, _ = go_on(command, within=120)
            wait_for_answers(users)
        require_in_hand(users, at)
        if code != 0:  # what it needed had no leader: it says so, and can be given again
            assert "What next" in said
            project.ok("deploy")
        assert project.get("/").json()["version"] == "two"
        wait_until_well(project)
    assert users.failures == []
    users.require_nothing_lost()


def test_without_a_majority_of_etcd_the_leader_goes_on_and_that_is_told(bring: Bring) -> None:
    project = at_1k(bring)
    leader = project.status()["failover"]["leader"]
    server = Member(project, leader).postmaster()
    others = [pid_of(project, host, "etcd") for host in ETCD_HOSTS if host != leader]
    follower = "db2" if leader == "db1" else "db1"
    rule = f"commits wait for {follower}; none is acknowledged if it is lost, until etcd answers"
    with Users(project, 2) as users:
        with paused(*others):
            wait_for_words(project, "etcd has no majority", f"{leader} leads", "degraded", rule)
            assert project.status()["failover"]["in_sync"] == [follower]
            time.sleep(25)  # no condition: that nothing happens for longer than a lease is tested
            wait_for_words(project, "etcd has no majority", f"{leader} leads")
            wait_for_answers(users)
        wait_until_well(project)
        assert project.status()["failover"]["leader"] == leader
    assert Member(project, leader).postmaster() == server
    assert users.failures == []
    assert users.longest_seconds < 10
    users.require_nothing_lost()


def test_a_follower_that_is_lost_is_told_and_writes_go_on_without_it(bring: Bring) -> None:
    project = at_1k(bring)
    leader = project.status()["failover"]["leader"]
    other = "db2" if leader == "db1" else "db1"
    member = Member(project, other)
    with Users(project, 2) as users:
        with paused(*everything_of(member)):
            wait_for_words(
                project, f"{leader} acknowledges alone", f"database of {other} does not follow"
            )
            wait_for_answers(users)
        wait_until_well(project)
    assert users.failures == []
    assert users.longest_seconds < 40, "as long as its lease, and a round"
    users.require_nothing_lost()


def test_where_the_file_says_so_writes_stop_without_a_follower_and_go_on_with_it(
    bring: Bring,
) -> None:
    project = at_1k(bring)
    wait_for_words(project, "commits wait for db2; alone if it is lost")
    spec = project.path / "tenfold.toml"
    spec.write_text(f'{spec.read_text()}\n[database]\nwithout_follower = "stop"\n')
    project.ok("deploy")
    wait_for_words(project, "commits wait for db2; none is acknowledged if it is lost")
    with Users(project, 2) as users:
        wait_for_answers(users)
        with paused(*everything_of(Member(project, "db2"))):
            wait_for_words(project, "db1 takes no writes", "database of db2 does not follow")
            assert project.status()["failover"]["stops"]
            seen = len(users.acknowledged)
            time.sleep(3)  # no condition: that nobody is told anything for so long is tested
            assert len(users.acknowledged) == seen
        wait_for_answers(users)
        wait_until_well(project)
    assert users.failures == []
    users.require_nothing_lost()


def everything_of(member: Member) -> list[int]:
    """Who looks after the server, and all of its processes."""
    (leash,) = member.pids("leash")
    found = [psutil.Process(leash), *psutil.Process(leash).children(recursive=True)]
    for guard in member.pids("guard"):
        found.append(psutil.Process(guard))
    return list({process.pid for process in found})


def test_a_leader_dies_during_a_backup(bring: Bring) -> None:
    project = at_1k(bring, lambda path: backups.kept(path))
    backups.wait_for_first(project)
    with Users(project, 2) as users:
        backup = project.start("db", "backup")
        with users.harmed_by("the leader"):
            at = kill_the_leader(project, users)
            said, _ = backup.communicate(timeout=180)
            wait_for_answers(users)
        require_in_hand(users, at)
        assert backup.returncode == 0 or "What next" in said, said
        wait_until_well(project)
        project.ok("db", "backup", timeout=180)
        backups.wait_until_recoverable(project, time.time(), within=120)
    assert users.failures == []
    users.require_nothing_lost()


def test_all_of_etcd_is_lost_and_what_the_page_says_brings_it_back(bring: Bring) -> None:
    """docs/operations/journal.md, "All data lost", step by step."""
    project = at_1k(bring)
    with Users(project, 2) as users:
        until(lambda: len(users.acknowledged) > 20, "notes")
    leader = project.status()["failover"]["leader"]
    asked = "SELECT system_identifier FROM pg_control_system()"
    system = project.ok("psql", "--as", "superuser", "--", "-Atc", asked).strip()  # 1
    project.ok("down")  # 2
    assert project.processes() == []
    hosts = project.path / ".tenfold/hosts"
    shutil.copytree(hosts / leader / "data/postgres", project.path.parent / "kept")  # 4
    with by_hand([hosts / host / "data/etcd" for host in ETCD_HOSTS]):  # 5
        scope = told_in(hosts / leader / "config/postgres/patroni.yml", "scope")
        sync = f'{{"leader": "{leader}", "sync_standby": null, "quorum": 0}}'
        for key, value in (("initialize", system), ("sync", sync)):
            put(hosts / leader, f"/tenfold/{scope}/{key}", value)
        project.ok("journal", "restore", "--yes")  # 6
    project.ok("up", "-d", timeout=300)  # 7
    wait_until_well(project)
    assert project.status()["failover"]["leader"] == leader
    users.require_nothing_lost()
    assert project.request("POST", "/notes", body=b"after all").status == 201


@contextmanager
def by_hand(folders: list[Path]) -> Iterator[None]:
    """The members of etcd, without their data, as whoever owns it."""
    etcd = find_etcd().programs()["etcd"]
    running = []
    for folder in folders:
        (folder / "member").rename(folder.parent / "member-away")
        (folder / "joins").unlink(missing_ok=True)
        argv = [*as_owner(folder), etcd, "--config-file", str(folder / "etcd.yml")]
        running.append(subprocess.Popen(argv, cwd="/", stderr=subprocess.DEVNULL))
    try:
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(30)


def as_owner(folder: Path) -> list[str]:
    if os.geteuid() != 0:
        return []
    told = folder.stat()
    caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return ["setpriv", f"--reuid={told.st_uid}", f"--regid={told.st_gid}", "--clear-groups", *caps]


def put(host: Path, key: str, value: str) -> None:
    """``etcdctl put``, as soon as most members agree."""
    config = host / "config/etcd"
    address = told_in(config / "etcd.yml", "listen-client-urls")
    control = Path(find_etcd().programs()["etcd"]).with_name("etcdctl")
    pem = ("--cacert", config / "authority.pem", "--cert", config / "host.pem")
    argv = [control, "--endpoints", address, *pem, "--key", config / "host.pem"]

    def done() -> bool:
        told = subprocess.run([*argv, "put", key, value], capture_output=True, check=False)
        return told.returncode == 0

    until(done, f"etcd to take {key}")


def told_in(file: Path, name: str) -> str:
    """What a line of a configuration says."""
    found = re.search(rf'^{name}: "?([^"\n]+)', file.read_text(), re.MULTILINE)
    assert found is not None, file.read_text()
    return found[1]
