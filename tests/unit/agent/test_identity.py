from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest
from tests.support.hosts import until

from tenfold.agent import identity
from tenfold.agent.identity import Facts, Identity

LEADER = Identity(pid=100, started=5000, boot="b", nonce="key-1")
OTHER = Facts(
    pid=101,
    parent=100,
    group=100,
    session=100,
    started=5001,
    zombie=False,
    marker=None,
    has_environment=False,
)


def myself() -> Identity:
    found = identity.of_process(os.getpid(), "key-1")
    assert found is not None
    return found


def test_this_process_is_itself() -> None:
    assert identity.is_alive(myself())


@pytest.mark.parametrize("change", [{"started": 1}, {"boot": "another"}, {"pid": 1}])
def test_the_same_pid_at_another_time_is_somebody_else(change: dict[str, object]) -> None:
    assert not identity.is_alive(replace(myself(), **change))  # type: ignore[arg-type]


def test_a_readable_marker_has_to_be_the_right_one() -> None:
    env = {identity.MARKER: "d/h/u/key-1"}
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, env=env) as child:
        right = identity.of_process(child.pid, "key-1")
        assert right is not None
        until(lambda: has_marker(child.pid), "the kernel to show the environment", 10)
        assert identity.is_alive(right)
        assert not identity.is_alive(replace(right, nonce="key-2"))
        child.communicate(b"\n")
    assert not identity.is_alive(right)


def has_marker(pid: int) -> bool:
    found = identity.facts(pid)
    return found is not None and found.marker is not None


def test_a_dead_process_that_nobody_collected_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    alive = identity.of_process(child.pid, "key-1")
    assert alive is not None
    assert child.stdin is not None
    child.stdin.close()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not identity.is_alive(alive)
    assert identity.started(child.pid) is None
    child.wait()


def test_a_programs_name_may_contain_anything() -> None:
    text = "import ctypes; ctypes.CDLL(None).prctl(15, b'a) R 1 (b', 0, 0, 0); print(1); input()"
    child = subprocess.Popen(
        [sys.executable, "-uc", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    found = identity.facts(child.pid)
    assert found is not None
    assert found.parent == os.getpid()
    child.communicate(b"\n")


def test_everybody_else_is_listed_but_not_oneself() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as child:
        pids = {found.pid for found in identity.everyone()}
        assert child.pid in pids
        assert os.getpid() not in pids
        child.communicate(b"\n")


class TestWhatBelongsToAUnit:
    def test_a_marker_decides_alone(self) -> None:
        elsewhere = replace(OTHER, session=7, group=7, marker="d/h/u/key-1", has_environment=True)
        assert belongs(elsewhere, held=False)
        assert not belongs(replace(OTHER, marker="d/h/u/key-2", has_environment=True), held=True)

    def test_the_session_of_a_leader_that_is_held_decides(self) -> None:
        assert belongs(OTHER, held=True)
        assert belongs(replace(OTHER, has_environment=True), held=True)
        assert not belongs(replace(OTHER, session=7), held=True)

    def test_a_session_number_alone_convicts_nobody_with_an_environment(self) -> None:
        assert not belongs(replace(OTHER, has_environment=True), held=False)

    def test_whoever_wrote_over_its_environment_belongs_to_its_session(self) -> None:
        assert belongs(OTHER, held=False)

    def test_unless_the_leaders_pid_was_used_again(self) -> None:
        assert not belongs(OTHER, held=False, used=True)

    def test_nobody_descends_from_a_younger_leader(self) -> None:
        assert not belongs(replace(OTHER, started=4999), held=True)


def belongs(found: Facts, *, held: bool, used: bool = False) -> bool:
    return identity.belongs(found, LEADER, leader_held=held, leader_pid_used=used)
