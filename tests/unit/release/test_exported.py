"""What an export wrote into the project is no part of a release."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenfold.release import exported
from tenfold.release.source import survey


def test_folders_of_exports_are_left_out(tmp_path: Path) -> None:
    for name in ("app.py", "dist/index.html", "dist/a/b.css", "distance.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    state = tmp_path / ".tenfold"
    state.mkdir()
    known = {str(tmp_path / "dist"): [], "/elsewhere/dist": [], str(tmp_path): []}
    (state / exported.NAME).write_text(json.dumps(known))
    folders = exported.folders(state, tmp_path)
    assert folders == ("dist",)
    assert survey(tmp_path, folders).files == ("app.py", "distance.py")


@pytest.mark.parametrize("text", ["", "[1]", "7", "{", "null"])
def test_a_record_that_cannot_be_read_names_none(tmp_path: Path, text: str) -> None:
    (tmp_path / exported.NAME).write_text(text)
    assert exported.folders(tmp_path, tmp_path) == ()
