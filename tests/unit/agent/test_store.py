from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.agent.store import Corrupt, Store, replace_file
from tenfold.errors import TargetError


def test_what_was_written_is_read_and_nothing_else_lies_there(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("units", "db", {"a": 1})
    store.write("units", "db", {"a": 2})
    assert store.read("units", "db") == {"a": 2}
    assert store.names("units") == ["db"]
    assert [path.name for path in (tmp_path / "units").iterdir()] == ["db.json"]


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    Store(tmp_path / "agent").write("units", "db", {})
    assert (tmp_path / "agent/units/db.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "agent/units").stat().st_mode & 0o777 == 0o700


def test_what_is_not_there_is_none_and_may_be_deleted(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read("units", "db") is None
    store.delete("units", "db")
    assert store.names("units") == []


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\x00", b'"text"'])
def test_an_unreadable_file_is_set_aside_not_deleted(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    store.write("units", "db", {})
    path = tmp_path / "units/db.json"
    path.write_bytes(content)
    with pytest.raises(Corrupt, match=r"db\.json is unreadable") as fault:
        store.read("units", "db")
    assert fault.value.changed == "it was moved to db.json.unreadable"
    assert (tmp_path / "units/db.json.unreadable").read_bytes() == content
    assert store.read("units", "db") is None
    assert store.names("units") == []


def test_a_disk_that_takes_nothing_gives_an_error_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "units").write_text("in the way")
    with pytest.raises(TargetError, match=r"cannot write .*/units/db\.json: ") as fault:
        Store(tmp_path).write("units", "db", {})
    assert fault.value.next is not None


@pytest.mark.parametrize("name", ["../db", "a/b", ".db"])
def test_a_name_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match="cannot be the name"):
        Store(tmp_path).write("units", name, {})


def test_a_leftover_of_a_crash_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    (tmp_path / ".a.json.new").write_text("half")
    replace_file(path, b"whole", 0o640)
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_a_link_in_the_way_is_replaced_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    (tmp_path / "a.json").symlink_to(elsewhere)
    (tmp_path / ".a.json.new").symlink_to(elsewhere)
    replace_file(tmp_path / "a.json", b"new", 0o600)
    assert elsewhere.read_text() == "untouched"
    assert not (tmp_path / "a.json").is_symlink()
