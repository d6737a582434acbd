from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.agent.files import write
from tenfold.errors import TargetError
from tenfold.secret import Secret
from tenfold.topology.process import File


def test_a_file_gets_content_mode_and_its_folders(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "b"
    files = [File("conf/a", "one"), File(str(elsewhere), Secret("two"), 0o600)]
    assert write(tmp_path / "host", files) == ("conf/a", str(elsewhere))
    assert (tmp_path / "host/conf/a").read_text() == "one"
    assert elsewhere.read_text() == "two"
    assert elsewhere.stat().st_mode & 0o777 == 0o600


def test_only_a_change_of_content_or_mode_counts(tmp_path: Path) -> None:
    assert write(tmp_path, [File("a", "one")]) == ("a",)
    stamp = (tmp_path / "a").stat().st_mtime_ns
    assert write(tmp_path, [File("a", "one")]) == ()
    assert (tmp_path / "a").stat().st_mtime_ns == stamp
    assert write(tmp_path, [File("a", "one", 0o600)]) == ("a",)
    assert write(tmp_path, [File("a", "two", 0o600)]) == ("a",)


def test_a_relative_path_stays_inside(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="outside of the host's directory"):
        write(tmp_path / "host", [File("../a", "one")])
    assert not (tmp_path / "a").exists()


def test_a_disk_that_takes_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "conf").write_text("in the way")
    with pytest.raises(TargetError, match=r"cannot write .*/conf/a"):
        write(tmp_path, [File("conf/a", "one")])
