"""A directory as a store; what a bucket does as well is in ``tests/contract/test_stores.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.backups.faults import Fault
from tenfold.backups.store import Entry
from tenfold.backups.store.directory import UNFINISHED, Directory


def test_what_was_cut_off_is_no_object(tmp_path: Path) -> None:
    store = Directory(str(tmp_path))
    store.put("a/one", b"1")
    (tmp_path / "a" / f"{UNFINISHED}123").write_bytes(b"half")
    assert list(store.list("")) == [Entry("a/one", 1)]


def test_a_disk_that_is_not_mounted_is_not_replaced_by_a_directory(tmp_path: Path) -> None:
    store = Directory(str(tmp_path / "mount"))
    with pytest.raises(Fault, match="No such file") as fault:
        store.put("a/one", b"1")
    assert fault.value.kind == "unreachable"
    assert not (tmp_path / "mount").exists()


def test_folders_go_with_their_last_object(tmp_path: Path) -> None:
    store = Directory(str(tmp_path))
    store.put("a/b/one", b"1")
    store.put("a/c/two", b"2")
    store.delete(["a/b/one", "a/never/there"])
    assert store.folders("a/") == ("c",)


def test_no_name_leads_out(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of an object"):
        Directory(str(tmp_path)).put("../one", b"1")


def test_others_cannot_read_what_is_kept(tmp_path: Path) -> None:
    Directory(str(tmp_path)).put("a/one", b"1")
    assert (tmp_path / "a" / "one").stat().st_mode & 0o077 == 0
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0
