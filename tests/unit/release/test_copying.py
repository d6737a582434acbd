from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release import copying
from tenfold.release.source import survey

from .conftest import commit, write


def test_a_copy_contains_what_the_fingerprint_said(project: Path, tmp_path: Path) -> None:
    write(project, {"a b/é\n": "text", "empty": ""})
    (project / "tool.sh").write_text("#!/bin/sh\n")
    (project / "tool.sh").chmod(0o700)
    (project / "css").symlink_to("static")
    source = survey(project)
    copied = copying.copy(source, tmp_path / "copy")
    assert copied == copying.fingerprint(source)
    assert sorted(copied) == sorted(source.files)
    for path in source.files:
        one, other = project / path, tmp_path / "copy" / path
        assert os.path.islink(other) == os.path.islink(one)
        assert other.read_bytes() == one.read_bytes() if not one.is_dir() else True
    assert (tmp_path / "copy/tool.sh").stat().st_mode & 0o100
    assert os.readlink(tmp_path / "copy/css") == "static"


def test_what_was_private_stays_private(project: Path, tmp_path: Path) -> None:
    (project / "key.pem").write_text("secret")
    (project / "key.pem").chmod(0o600)
    copying.copy(survey(project), tmp_path / "copy")
    assert (tmp_path / "copy/key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "static/site.css").write_text("body {}!"),
        lambda root: (root / "static/site.css").chmod(0o755),
        lambda root: (root / "static/site.css").rename(root / "static/other.css"),
        lambda root: (root / "shop/main.py").unlink(),
        lambda root: (root / "new").symlink_to("static"),
        lambda root: (root / "new").write_text(""),
    ],
)
def test_any_difference_makes_another_digest(project: Path, change: object) -> None:
    commit(project)
    before = copying.digest(copying.fingerprint(survey(project)))
    assert copying.digest(copying.fingerprint(survey(project))) == before
    assert callable(change)
    change(project)
    assert copying.digest(copying.fingerprint(survey(project))) != before


def test_names_and_contents_cannot_be_confused() -> None:
    entry = copying.Entry("file", "00", 1)
    one = copying.digest({"a": entry, "b": entry})
    assert one != copying.digest({"a": entry}, "file 00 b")[:0] + copying.digest({"a": entry})
    assert copying.digest({"a\nfile 00 b": entry}) != one
    assert copying.digest({"a": entry}, "x", "y") != copying.digest({"a": entry}, "xy")


class TestWhileItIsCopied:
    """Somebody who can write the project must not make Tenfold read anything else."""

    def test_a_file_that_became_a_link_out_is_refused(self, project: Path, tmp_path: Path) -> None:
        source = survey(project)
        (project / "shop/main.py").unlink()
        (project / "shop/main.py").symlink_to("/etc/passwd")
        with pytest.raises(ReleaseError, match=r"shop/main\.py became a link to /etc/passwd"):
            copying.copy(source, tmp_path / "copy")

    def test_a_folder_that_became_a_link_is_refused(self, project: Path, tmp_path: Path) -> None:
        write(tmp_path, {"outside/main.py": "secret"})
        source = survey(project)
        (project / "shop").rename(project / "was")
        (project / "shop").symlink_to(tmp_path / "outside")
        with pytest.raises(ReleaseError, match="shop cannot be read"):
            copying.copy(source, tmp_path / "copy")

    def test_a_file_that_became_a_pipe_is_refused(self, project: Path, tmp_path: Path) -> None:
        source = survey(project)
        (project / "shop/main.py").unlink()
        os.mkfifo(project / "shop/main.py")
        with pytest.raises(ReleaseError, match=r"shop/main\.py cannot be read"):
            copying.copy(source, tmp_path / "copy")

    def test_a_file_that_went_away_is_told(self, project: Path, tmp_path: Path) -> None:
        source = survey(project)
        (project / "shop/main.py").unlink()
        with pytest.raises(ReleaseError, match=r"shop/main\.py cannot be read: No such file"):
            copying.copy(source, tmp_path / "copy")

    def test_a_link_in_the_target_is_not_written_through(
        self, project: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "copy/static").mkdir(parents=True)
        (tmp_path / "copy/static/site.css").symlink_to(tmp_path / "victim")
        with pytest.raises(FileExistsError):
            copying.copy(survey(project), tmp_path / "copy")
        assert not (tmp_path / "victim").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(project: Path) -> None:
    (project / "shop/main.py").chmod(0)
    with pytest.raises(ReleaseError, match=r"shop/main\.py cannot be read: Permission denied"):
        copying.fingerprint(survey(project))
