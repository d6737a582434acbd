"""The log in the archive: once, never replaced, found again with a key or without."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.backups import archiving
from tenfold.backups.faults import Fault
from tenfold.backups.feeding import Feeder
from tenfold.backups.seal import Sealer, new_key
from tenfold.backups.store.directory import Directory

SIZE = 1 << 20
KEYS = [None, new_key()]


def segment(folder: Path, number: int, content: bytes, timeline: int = 1) -> Path:
    path = folder / f"{timeline:08X}00000000{number:08X}"
    path.write_bytes(content)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Directory:
    (tmp_path / "archive").mkdir()
    return Directory(str(tmp_path / "archive"))


@pytest.mark.parametrize("key", KEYS, ids=["open", "encrypted"])
def test_what_was_archived_comes_back(tmp_path: Path, place: Directory, key: str | None) -> None:
    content = os.urandom(SIZE)
    path = segment(tmp_path, 1, content)
    assert archiving.archive(place, Sealer(key), "shop-1", path)
    assert not archiving.archive(place, Sealer(key), "shop-1", path), "it is there already"
    assert archiving.fetch(place, Sealer(key), "shop-1", path.name) == content
    (entry,) = place.list("")
    assert (content[:100] in place.get(entry.name)) is False or key is None


def test_another_history_under_the_same_name_is_refused(tmp_path: Path, place: Directory) -> None:
    sealer = Sealer(new_key())
    archiving.archive(place, sealer, "shop-1", segment(tmp_path, 1, b"ours"))
    with pytest.raises(Fault, match="another server's") as fault:
        archiving.archive(place, sealer, "shop-1", segment(tmp_path, 1, b"theirs"))
    assert fault.value.kind == "conflict"
    assert archiving.fetch(place, sealer, "shop-1", "000000010000000000000001") == b"ours"


def test_a_key_may_come_later(tmp_path: Path, place: Directory) -> None:
    key = new_key()
    archiving.archive(place, Sealer(), "shop-1", segment(tmp_path, 1, b"plain"))
    archiving.archive(place, Sealer(key), "shop-1", segment(tmp_path, 2, b"sealed"))
    for number, content in ((1, b"plain"), (2, b"sealed")):
        name = f"0000000100000000{number:08X}"
        assert archiving.fetch(place, Sealer(key), "shop-1", name) == content
    with pytest.raises(Fault, match="there is no key") as fault:
        archiving.fetch(place, Sealer(), "shop-1", "000000010000000000000002")
    assert fault.value.kind == "refused"
    with pytest.raises(Fault, match="another key"):
        archiving.fetch(place, Sealer(new_key()), "shop-1", "000000010000000000000002")


@pytest.mark.parametrize("key", KEYS, ids=["open", "encrypted"])
def test_a_damaged_file_is_named(tmp_path: Path, place: Directory, key: str | None) -> None:
    sealer = Sealer(key)
    archiving.archive(place, sealer, "shop-1", segment(tmp_path, 1, os.urandom(SIZE)))
    (entry,) = place.list("")
    content = bytearray(place.get(entry.name))
    content[len(content) // 2] ^= 1
    place.put(entry.name, bytes(content), replace=True)
    with pytest.raises(Fault, match="000000010000000000000001") as fault:
        archiving.fetch(place, sealer, "shop-1", "000000010000000000000001")
    assert fault.value.kind == "damaged"


def test_what_is_no_part_of_the_log_is_not_taken(tmp_path: Path, place: Directory) -> None:
    path = tmp_path / "passwords"
    path.write_bytes(b"x")
    with pytest.raises(Fault, match="no part of PostgreSQL's log"):
        archiving.archive(place, Sealer(), "shop-1", path)


def feeder(place: Directory, tmp_path: Path) -> Feeder:
    socket = tmp_path / "feed.sock"
    socket.unlink(missing_ok=True)
    return Feeder(place, Sealer(), "shop-1", 4 << 20, socket)


def test_a_gap_is_told_from_the_end(tmp_path: Path, place: Directory) -> None:
    for number in (1, 2, 4):
        archiving.archive(place, Sealer(), "shop-1", segment(tmp_path, number, b"x"))
    with feeder(place, tmp_path) as feed:
        to = tmp_path / "to"
        answers = [feed.give(f"0000000100000000{n:08X}", to) for n in (1, 2, 3)]
        assert answers == ["ok", "ok", "none"]
        assert feed.gap() == "000000010000000000000003"
    place.delete([e.name for e in place.list("") if e.name.endswith("4.zst")])
    with feeder(place, tmp_path) as feed:
        assert [feed.give(f"0000000100000000{n:08X}", to) for n in (1, 2, 3)][-1] == "none"
        assert feed.gap() is None


def test_a_fault_is_not_the_end(tmp_path: Path, place: Directory) -> None:
    archiving.archive(place, Sealer(), "shop-1", segment(tmp_path, 1, b"x"))
    (entry,) = place.list("")
    place.put(entry.name, b"rubbish", replace=True)
    with feeder(place, tmp_path) as feed:
        assert feed.give("000000010000000000000001", tmp_path / "to") == "fault"
        assert feed.fault is not None
        assert feed.fault.kind == "damaged"
