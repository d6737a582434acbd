from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release import scratch

from .conftest import write

HOLDS = """
import sys, pathlib
from tenfold.release import scratch
with scratch.partial(pathlib.Path(sys.argv[1])) as making:
    (making / "file").write_text("x")
    making.chmod(0o555)
    print(making.name, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of a build."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def test_a_partial_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), scratch.partial(tmp_path) as making:
        (making / "gone").unlink()
    assert not list(tmp_path.iterdir())


def test_a_partial_that_was_settled_stays(tmp_path: Path) -> None:
    with scratch.partial(tmp_path) as making:
        write(making, {"a": "1"})
        assert scratch.settle(making, tmp_path / "final")
    assert (tmp_path / "final/a").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_the_second_maker_of_the_same_thing_loses(tmp_path: Path) -> None:
    write(tmp_path, {"final/a": "first"})
    with scratch.partial(tmp_path) as making:
        write(making, {"a": "second"})
        assert not scratch.settle(making, tmp_path / "final")
    assert (tmp_path / "final/a").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]


def test_a_sweep_spares_who_still_works(tmp_path: Path, builder: subprocess.Popen[str]) -> None:
    assert builder.stdout is not None
    name = builder.stdout.readline().strip()
    scratch.sweep(tmp_path)
    assert (tmp_path / name / "file").exists()


def test_a_sweep_removes_what_a_killed_build_left(
    tmp_path: Path, builder: subprocess.Popen[str]
) -> None:
    assert builder.stdout is not None
    name = builder.stdout.readline().strip()
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    assert (tmp_path / name).exists()
    scratch.sweep(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_sweep_removes_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, {"release/a": "", "x.partial": "a file, not a directory"})
    (tmp_path / "link.partial").symlink_to(tmp_path / "release")
    scratch.sweep(tmp_path)
    assert (tmp_path / "release/a").exists()
    assert (tmp_path / "x.partial").exists()


def test_nothing_behind_a_link_is_removed(tmp_path: Path) -> None:
    write(tmp_path, {"docs/0123456789ab.partial/a": "", "docs/old/a": ""})
    link = tmp_path / "releases"
    link.symlink_to(tmp_path / "docs")
    for remove in (
        lambda: scratch.sweep(link),
        lambda: scratch.retire(link / "old"),
        lambda: scratch.discard(link / "old"),
    ):
        with pytest.raises(ReleaseError, match="is a link to"):
            remove()
    with pytest.raises(ReleaseError, match="is a link to"), scratch.partial(link):
        raise AssertionError("made behind a link")
    assert len([*(tmp_path / "docs").rglob("a")]) == 2


def test_a_sweep_removes_only_what_is_named_like_a_partial(tmp_path: Path) -> None:
    write(tmp_path, {"mine.partial/a": "", "0123456789ab.partial/a": ""})
    scratch.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.partial"]


def test_retiring_takes_the_name_away(tmp_path: Path) -> None:
    write(tmp_path, {"old/a": ""})
    (tmp_path / "old").chmod(0o555)
    scratch.retire(tmp_path / "old")
    assert not list(tmp_path.iterdir())


def test_durable_writing_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "release.json"
    scratch.write_durably(path, "one")
    scratch.write_durably(path, "two", 0o444)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o444)
    assert [p.name for p in tmp_path.iterdir()] == ["release.json"]


def test_too_little_room_is_told_before_anything_is_copied(tmp_path: Path) -> None:
    room = scratch.room(tmp_path, 9 * 10**18)
    with pytest.raises(ReleaseError, match=f"no room in {tmp_path}: 9,") as caught, room:
        raise AssertionError("copied without room")
    assert "are free" in caught.value.what


def test_a_disk_that_fills_up_meanwhile_is_told(small_disk: Path) -> None:
    with (
        pytest.raises(ReleaseError, match="no room in") as caught,
        scratch.partial(small_disk) as making,
        scratch.room(making, 1000),
    ):
        (making / "big").write_bytes(b"x" * (2 << 20))
    assert "1,000 bytes are needed" in caught.value.what
    assert not list(small_disk.iterdir())


def test_a_read_only_disk_is_told(small_disk: Path) -> None:
    (small_disk / "x").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    told = pytest.raises(ReleaseError, match=r"x/file: read-only file system")
    with told, scratch.worded(small_disk):
        (small_disk / "x/file").write_text("x")
