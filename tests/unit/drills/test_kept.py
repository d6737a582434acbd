"""What is broken is on disk before it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.drills.kept import Broken, Kept
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


def test_its_owner_alone_may_read_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.write(Broken("pause-leader", 7, 1.5, Freeze(("db1",))))
    assert kept.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2}', '{"format": 1, "harm": {}}'])
def test_a_file_that_cannot_be_read_is_told_and_stays(tmp_path: Path, text: str) -> None:
    kept = Kept(tmp_path)
    kept.path.write_text(text)
    with pytest.raises(JournalError, match="cannot be read"):
        kept.read()
    assert kept.path.exists()
