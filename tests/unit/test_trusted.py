"""Root runs only what root alone can replace."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tenfold import trusted
from tenfold.trusted import doubt

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "bin/tool"
    path.parent.mkdir(mode=0o755)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@root_only
def test_what_is_roots_alone_is_trusted(program: Path) -> None:
    assert doubt(program) is None
    assert doubt(Path("/bin/sh")) is None
    assert doubt(program.with_name("missing")) is None


@root_only
def test_a_program_of_somebody_else(program: Path) -> None:
    os.chown(program, 65534, 65534)
    assert doubt(program) == f"{program} does not belong to root"


@root_only
def test_a_program_that_others_may_write(program: Path) -> None:
    program.chmod(0o757)
    assert doubt(program) == f"{program} can be written by everybody"
    program.chmod(0o775)
    assert doubt(program) is None
    os.chown(program, 0, 65534)
    assert "can be written by the group" in str(doubt(program))


@root_only
def test_a_folder_on_the_way_that_others_may_write(program: Path) -> None:
    program.parent.chmod(0o777)
    assert doubt(program) == f"{program.parent} can be written by everybody"
    program.parent.chmod(0o1777)
    assert doubt(program) is None


@root_only
def test_a_link_is_as_good_as_both_its_ends(program: Path, tmp_path: Path) -> None:
    link = tmp_path / "open/tool"
    link.parent.mkdir()
    link.symlink_to(program)
    assert doubt(link) is None
    link.parent.chmod(0o777)
    assert str(link.parent) in str(doubt(link))
    link.parent.chmod(0o755)
    os.chown(program, 65534, 65534)
    assert str(program) in str(doubt(link))


@pytest.mark.skipif(os.geteuid() == 0, reason="root is careful")
def test_an_ordinary_user_runs_what_they_name(program: Path) -> None:
    program.chmod(0o777)
    assert doubt(program) is None


@root_only
def test_whoever_could_replace_tenfold_itself_is_kept_from_nothing(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root runs it from an environment in somebody's home: their programs are no further way in."""
    home = tmp_path / "home"
    environment = home / "venv"
    environment.mkdir(parents=True)
    os.chown(home, 65534, 65534)
    os.chown(program, 65534, 65534)
    assert doubt(program) is not None
    monkeypatch.setattr(sys, "prefix", str(environment))
    trusted.trusted_already.cache_clear()
    try:
        assert doubt(program) is None
        os.chown(program, 65533, 65533)
        assert doubt(program) == f"{program} does not belong to root"
    finally:
        monkeypatch.undo()
        trusted.trusted_already.cache_clear()
