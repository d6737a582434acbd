"""Which Python of the machine an environment is made from."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tenfold.errors import ReleaseError
from tenfold.release import interpreters
from tenfold.release.running import Here
from tenfold.spec.packages.declared import PythonWish

MINE = platform.python_version()


def wish(text: str = "", pinned: str | None = None) -> PythonWish:
    allowed = (SpecifierSet(text),) if text else ()
    return PythonWish(allowed, pinned, "pyproject.toml", ".python-version")


def says(folder: Path, name: str, version: str) -> Path:
    """A program that answers as an interpreter of this version would."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)
    return path


def choose(wanted: PythonWish, tmp_path: Path, **environ: str) -> tuple[str, tuple[str, ...]]:
    given = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home"), **environ}
    found, notes = interpreters.choose(wanted, tmp_path / "project", given, Here())
    return found.version, notes


def test_tenfold_s_own_where_it_fits_and_nothing_is_run(tmp_path: Path) -> None:
    says(tmp_path / "bin", "python3.99", "exit 1")
    assert choose(wish(">=3.11"), tmp_path) == (MINE, ())


def test_the_newest_that_fits_from_path_and_from_what_pyenv_and_uv_keep(tmp_path: Path) -> None:
    says(tmp_path / "bin", "python3.97", "3.97.4")
    says(tmp_path / "home/.pyenv/versions/3.98.1/bin", "python3", "3.98.1")
    says(tmp_path / "home/.local/share/uv/python/cpython-3.99.2-linux-x/bin", "python3", "3.99.2")
    assert choose(wish(">=3.90"), tmp_path)[0] == "3.99.2"
    assert choose(wish(">=3.90,<3.99"), tmp_path)[0] == "3.98.1"
    assert choose(wish("==3.97.*"), tmp_path)[0] == "3.97.4"
    assert choose(wish(">=3.90", pinned="3.97"), tmp_path) == ("3.97.4", ())


def test_a_stand_in_that_does_not_run_is_passed_over(tmp_path: Path) -> None:
    stub = says(tmp_path / "bin", "python3.99", "")
    stub.write_text("#!/bin/sh\necho 'python3.99: command not found' >&2\nexit 127\n")
    says(tmp_path / "home/.pyenv/versions/3.98.1/bin", "python3", "3.98.1")
    assert choose(wish(">=3.90"), tmp_path)[0] == "3.98.1"


def test_one_that_is_asked_for_by_name_and_is_not_there_is_told(tmp_path: Path) -> None:
    version, notes = choose(wish(">=3.11", pinned="3.96"), tmp_path)
    assert version == MINE
    assert notes == (
        f".python-version says Python 3.96, which is not on this machine: {MINE} is used",
    )


def test_none_fits(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError) as told:
        choose(wish(">=3.90"), tmp_path)
    assert told.value.what == f"pyproject.toml asks for Python >=3.90, and this machine has {MINE}"
    assert "uv python install" in (told.value.next or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful whom it runs")
def test_root_asks_none_that_others_could_have_put_there(tmp_path: Path) -> None:
    evil = says(tmp_path / "bin", "python3.99", "3.99.1")
    evil.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\necho 3.99.1\n")
    os.chown(evil, 65534, 65534)
    inside = says(tmp_path / "project/bin", "python3.99", "3.99.1")
    with pytest.raises(ReleaseError):
        choose(wish(">=3.90"), tmp_path, PATH=f"{evil.parent}:{inside.parent}")
    assert not (tmp_path / "ran").exists()
