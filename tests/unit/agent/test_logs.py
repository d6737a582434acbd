from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.agent import logs


def write(path: Path, *lines: str) -> None:
    fd = logs.open_for_unit(path)
    os.write(fd, "".join(f"{line}\n" for line in lines).encode())
    os.close(fd)


def contents(path: Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in path.parent.iterdir()}


def test_a_log_is_rotated_when_it_is_long_enough_and_old_ones_are_dropped(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "web.log"
    assert not logs.rotate_if_due(log, 10)
    for number in range(5):
        write(log, f"line number {number}")
        assert logs.rotate_if_due(log, 10, kept=3)
        assert not logs.rotate_if_due(log, 10, kept=3)
    assert contents(log) == {
        "web.log": "",
        "web.log.1": "line number 4\n",
        "web.log.2": "line number 3\n",
        "web.log.3": "line number 2\n",
    }


def test_a_writer_that_knows_nothing_of_it_goes_on_in_the_same_file(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    fd = logs.open_for_unit(log)
    os.write(fd, b"before\n")
    assert logs.rotate_if_due(log, 1)
    os.write(fd, b"after\n")
    os.close(fd)
    assert contents(log) == {"web.log": "after\n", "web.log.1": "before\n"}


def test_a_disk_that_is_full_leaves_the_log_as_it_is(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    write(log, "kept")
    (tmp_path / ".web.log.rotating").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        logs.rotate_if_due(log, 1)
    assert log.read_text() == "kept\n"


def test_the_last_lines_reach_back_into_the_file_before(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert logs.last_lines(log, 3) == []
    write(log, "1", "2", "3")
    assert logs.last_lines(log, 2) == ["2", "3"]
    logs.rotate_if_due(log, 1)
    write(log, "4")
    assert logs.last_lines(log, 3) == ["2", "3", "4"]
    assert logs.last_lines(log, 0) == []


def test_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    write(log, *(f"line {n}" for n in range(1000)))
    assert logs.last_lines(log, 500, max_bytes=100)[-2:] == ["line 998", "line 999"]
    assert len(logs.last_lines(log, 500, max_bytes=100)) < 20


def test_only_what_came_since_is_given_also_after_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert logs.lines_since(log, 0, 5) == []
    write(log, "old")
    mark = log.stat().st_size
    assert logs.lines_since(log, mark, 5) == []
    write(log, "1", "2", "3")
    assert logs.lines_since(log, mark, 2) == ["2", "3"]
    logs.rotate_if_due(log, 1)
    write(log, "4")
    assert logs.lines_since(log, mark, 5) == ["4"]


def test_logs_of_old_generations_go_and_others_stay(tmp_path: Path) -> None:
    names = ["app.1.0.log", "app.1.0.log.1", "app.2.0.log", "app.7.0.log", "apple.1.0.log"]
    for name in [*names, "app.log"]:
        (tmp_path / name).touch()
    logs.forget_generations(tmp_path, "app", 7, kept=5)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["app.7.0.log", "app.log", "apple.1.0.log"]
