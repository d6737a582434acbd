"""What is broken is on disk before it is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenfold.drills.kept import TABLE, Broken, Kept
from tenfold.drills.model import Cut, Freeze
from tenfold.errors import JournalError

BROKEN = Broken("partition a|b", 7, 1.5, Cut(("db1",), ("db2",)))


def test_what_was_kept_is_read_and_forgotten(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept.read() is None
    kept.trace(kept.write(BROKEN), table="tenfold_drill_shop")
    found = Kept(tmp_path).read()
    assert found is not None
    assert (found.drill, found.harm) == (BROKEN.drill, BROKEN.harm)
    assert found.traces == {"table": "tenfold_drill_shop"}
    kept.forget()
    assert kept.read() is None
    kept.forget()


def test_a_drill_that_has_broken_nothing_has_its_table_on_record(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(Broken("kill-leader", 7, 1.5, None, {TABLE: True}))
    found = kept.read()
    assert found is not None
    assert found.has_table
    assert "its own table" in found.sentence()
    assert not found.without_table().has_table


def test_what_is_mended_leaves_the_table_on_record(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.mended(Broken("pause-leader", 7, 1.5, Freeze(("db1",)), {TABLE: True, "frozen": [[1, 2]]}))
    found = kept.read()
    assert found is not None
    assert (found.harm, found.traces) == (None, {TABLE: True})


def test_a_record_of_before_is_read(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(BROKEN)
    told = json.loads(kept.path.read_text())
    kept.path.write_text(json.dumps({**told, "mended": False}))
    assert kept.read() == BROKEN


def test_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(Broken("pause-leader", 7, 1.5, Freeze(("db1",))))
    assert kept.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "harm": {}}'])
def test_a_file_that_cannot_be_read_is_told_and_stays(tmp_path: Path, text: str) -> None:
    kept = Kept(tmp_path)
    kept.path.write_text(text)
    with pytest.raises(JournalError, match="cannot be read") as told:
        kept.read()
    assert told.value.next
    assert told.value.next.startswith(f"rm {kept.path}")
    assert kept.path.exists()
