from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release import files, scratch

from .conftest import NOBODY, write


@pytest.fixture
def tree(tmp_path: Path, thawed: Callable[[Path], None]) -> Path:
    root = tmp_path / "tree"
    write(root, {"a/one": "1", "a/two": "2", "b": "1"})
    thawed(root)
    return root


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_time_stamp_follows_the_content(tree: Path) -> None:
    os.utime(tree / "b", (1, 1))
    files.freeze(tree)
    times = {name: (tree / name).stat().st_mtime for name in ("a/one", "a/two", "b")}
    assert times["a/one"] == times["b"] != times["a/two"]
    assert times["b"] == files.stamp(hashlib.sha256(b"1").hexdigest())
    assert all(946684800 <= time < 946684800 + 2**29 for time in times.values())


def test_a_frozen_tree_lets_nobody_write(tree: Path) -> None:
    (tree / "a/two").chmod(0o755)
    (tree / "b").chmod(0o600)
    files.freeze(tree)
    assert mode(tree / "a/one") == 0o444
    assert mode(tree / "a/two") == 0o555
    assert mode(tree / "b") == 0o400
    assert mode(tree) == mode(tree / "a") == 0o755


def test_a_file_shared_with_a_package_cache_is_copied_first(tree: Path, tmp_path: Path) -> None:
    cached = tmp_path / "cached"
    cached.write_text("shared")
    cached.chmod(0o644)
    os.utime(cached, (5, 5))
    os.link(cached, tree / "a/shared")
    files.freeze(tree)
    assert (tree / "a/shared").read_text() == "shared"
    assert mode(tree / "a/shared") == 0o444
    assert (mode(cached), cached.stat().st_mtime, cached.stat().st_nlink) == (0o644, 5, 1)
    assert sorted(path.name for path in (tree / "a").iterdir()) == ["one", "shared", "two"]


def test_links_are_left_alone(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o600)
    (tree / "link").symlink_to(outside)
    (tree / "folder").symlink_to(tmp_path)
    files.freeze(tree)
    assert mode(outside) == 0o600
    assert mode(tmp_path) == 0o700


def test_what_is_neither_file_nor_link_is_refused(tree: Path) -> None:
    os.mkfifo(tree / "a/pipe")
    with pytest.raises(ReleaseError, match="a/pipe is neither a file nor a link"):
        files.freeze(tree)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_the_unprivileged_user_built_belongs_to_root_afterwards(tree: Path) -> None:
    (tree / "b").chmod(0o600)
    files.give(tree, NOBODY)
    assert (tree / "a/one").stat().st_uid == NOBODY.uid
    files.freeze(tree, NOBODY)
    found = (tree / "b").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, NOBODY.gid, 0o440)
    assert tree.stat().st_uid == (tree / "a").stat().st_uid == 0


def test_directories_are_reached_without_links(tree: Path) -> None:
    (tree / "link").symlink_to("a")
    with files.directory(tree, "a") as fd:
        assert sorted(os.listdir(fd)) == ["one", "two"]
    for name in ("link", "b", "a/one"):
        with pytest.raises(NotADirectoryError), files.directory(tree, name):
            pass


def test_a_descriptor_is_never_left_open(tree: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for name in ("a", "gone", "a/one", "a/gone"):
        try:
            with files.directory(tree, name):
                pass
        except OSError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_measuring_leaves_caches_and_the_record_out(tree: Path) -> None:
    assert files.measure(tree, without="release.json") == (3, 3)
    write(tree, {"a/__pycache__/x.pyc": "123", "release.json": "{}"})
    assert files.measure(tree, without="release.json") == (3, 3)
    assert files.measure(tree, without="other") == (4, 5)


@pytest.mark.parametrize("size", [0, 1, 64 << 10, (64 << 10) + 1, 3_000_000])
@pytest.mark.parametrize("target", ["here", "another file system"])
def test_content_of_any_size_is_copied(tmp_path: Path, size: int, target: str) -> None:
    other = Path("/dev/shm")
    if target == "here":
        other = tmp_path
    elif not os.access(other, os.W_OK) or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    content = os.urandom(size)
    (tmp_path / "a").write_bytes(content)
    copied = other / f"tenfold-{os.getpid()}"
    source = os.open(tmp_path / "a", os.O_RDONLY)
    created = os.open(copied, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        files.copy_content(source, created)
        assert copied.read_bytes() == content
    finally:
        os.close(source)
        os.close(created)
        copied.unlink()


def test_discarding_a_frozen_tree(tree: Path) -> None:
    (tree / "out").symlink_to(tree.parent)
    files.freeze(tree)
    scratch.discard(tree)
    scratch.discard(tree)
    assert not tree.exists()
    assert tree.parent.exists()
