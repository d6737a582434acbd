"""Telling the file that a process was started from one that took its place."""

from __future__ import annotations

import os
from pathlib import Path

from tenfold.agent.builds import build_of, is_replaced


def program(path: Path, text: str = "#!/bin/sh\n") -> str:
    new = path.with_name("new")
    new.write_text(text)
    new.chmod(0o755)
    new.rename(path)
    return str(path)


def test_the_same_file_is_not_replaced(tmp_path: Path) -> None:
    path = program(tmp_path / "engine")
    assert not is_replaced(build_of(path, {}), path, {})


def test_another_file_in_its_place_is_noticed_and_so_is_none(tmp_path: Path) -> None:
    path = program(tmp_path / "engine")
    before = build_of(path, {})
    program(tmp_path / "engine")
    assert is_replaced(before, path, {})
    (tmp_path / "engine").unlink()
    assert is_replaced(before, path, {})


def test_a_link_that_leads_elsewhere_is_noticed(tmp_path: Path) -> None:
    old, new = program(tmp_path / "old"), program(tmp_path / "other")
    link = tmp_path / "engine"
    link.symlink_to(old)
    before = build_of(str(link), {})
    assert before == build_of(old, {})
    link.unlink()
    link.symlink_to(new)
    assert is_replaced(before, str(link), {})


def test_a_file_that_is_written_over_is_noticed(tmp_path: Path) -> None:
    path = program(tmp_path / "engine")
    before = build_of(path, {})
    Path(path).write_text("#!/bin/sh\nexit 1\n")
    assert is_replaced(before, path, {})


def test_a_name_is_looked_for_where_the_process_looks_for_it(tmp_path: Path) -> None:
    path = program(tmp_path / "engine")
    assert build_of("engine", {"PATH": str(tmp_path)}) == build_of(path, {})
    assert build_of("engine", {"PATH": os.devnull}) is None


def test_of_a_process_that_nobody_remembers_it_is_not_known(tmp_path: Path) -> None:
    assert not is_replaced(None, str(tmp_path / "gone"), {})
