from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.errors import Locked
from tenfold.state.lock import Holder, Lock

HOLD = (
    "import sys, signal; from pathlib import Path\n"
    "from tenfold.state.lock import Lock\n"
    "with Lock(Path(sys.argv[1])).hold('tenfold deploy'):\n"
    "    print('held', flush=True); signal.pause()\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


@pytest.fixture
def other(path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_command_is_told_who_holds_it_why_and_since_when(path: Path, other) -> None:
    with pytest.raises(Locked) as caught, Lock(path).hold("tenfold up"):
        pass
    assert "tenfold deploy" in caught.value.what
    assert f"pid {other.pid}" in caught.value.what
    assert "since" in caught.value.what


def test_a_killed_holder_leaves_no_stale_lock(path: Path, other) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert Lock(path).holder() is None
    with Lock(path).hold("tenfold up"):
        pass


def test_looking_at_the_lock_does_not_take_it(path: Path, other) -> None:
    holder = Lock(path).holder()
    assert holder
    assert holder.pid == other.pid
    assert Lock(path).holder() == holder


def test_the_lock_is_free_behind_the_block_also_after_a_failure(path: Path) -> None:
    lock = Lock(path)
    with pytest.raises(ZeroDivisionError), lock.hold("tenfold up"):
        raise ZeroDivisionError
    assert lock.holder() is None


def test_a_disk_without_room_for_the_holders_name_keeps_nobody_from_working(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with (
        Lock(path).hold("tenfold down"),
        pytest.raises(Locked, match="another command"),
        Lock(path).hold("tenfold deploy"),
    ):
        pass


def test_a_reservation_outlives_its_process_and_keeps_commands_away(path: Path) -> None:
    Lock(path).reserve("moving the office")
    with pytest.raises(Locked, match="moving the office"), Lock(path).hold("tenfold deploy"):
        pass
    with pytest.raises(Locked, match="already reserved"):
        Lock(path).reserve("again")
    assert Lock(path).release()
    assert not Lock(path).release()
    with Lock(path).hold("tenfold deploy"):
        pass


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h")]
)
def test_ages_read_well(seconds: int, text: str) -> None:
    assert Holder(1, "ada", "x", since=1000.0).age(1000.0 + seconds) == text


def test_garbage_in_the_lock_file_is_no_obstacle(path: Path) -> None:
    path.write_bytes(os.urandom(100))
    assert Lock(path).holder() is None
    with Lock(path).hold("tenfold up"):
        holder = Lock(path).holder()
        assert holder
        assert holder.reason == "tenfold up"
