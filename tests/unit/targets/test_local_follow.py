from __future__ import annotations

from pathlib import Path

from tenfold.agent import logs
from tenfold.targets.local import follow
from tenfold.targets.local.follow import Follower


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_only_what_comes_later_is_told_and_only_whole_lines(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    append(log, "before\n")
    reader = Follower(log)
    assert reader.new_lines() == []
    append(log, "one\ntw")
    assert reader.new_lines() == ["one"]
    append(log, "o\n")
    assert reader.new_lines() == ["two"]


def test_nothing_is_lost_or_told_twice_when_the_log_is_rotated(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    append(log, "0\n")
    reader = Follower(log)
    told: list[str] = []
    for number in range(1, 20):
        append(log, f"{number}\n")
        if number % 3 == 0:
            logs.rotate_if_due(log, 1)
        if number % 2 == 0 or number % 3 == 0:
            append(log, f"{number}b\n")
            told += reader.new_lines()
    expected = []
    for number in range(1, 20):
        expected.append(str(number))
        if number % 2 == 0 or number % 3 == 0:
            expected.append(f"{number}b")
    assert [*told, *reader.new_lines()] == expected


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    reader = Follower(tmp_path / "web.log")
    assert reader.new_lines() == []
    append(tmp_path / "web.log", "first\n")
    assert reader.new_lines() == ["first"]


def test_following_begins_with_the_last_lines_of_every_unit(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "1\n2\n")
    append(tmp_path / "b.log", "3\n")
    lines = follow.follow(tmp_path, ["a", "b"], 1)
    assert [next(lines), next(lines)] == [("a", "2"), ("b", "3")]
    append(tmp_path / "b.log", "4\n")
    assert next(lines) == ("b", "4")
    lines.close()  # type: ignore[attr-defined]


def test_several_rotations_between_two_looks_lose_nothing(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    append(log, "0\n")
    reader = Follower(log)
    for number in range(1, 4):
        append(log, f"{number}\n")
        logs.rotate_if_due(log, 1)
    append(log, "4\n")
    assert reader.new_lines() == ["1", "2", "3", "4"]
    for number in range(5, 8):
        append(log, f"{number}\n")
        logs.rotate_if_due(log, 1)
    assert reader.new_lines() == ["5", "6", "7"]


def test_a_pool_is_read_at_its_newest_generation_and_followed_into_the_next(
    tmp_path: Path,
) -> None:
    append(tmp_path / "app.9.0.log", "old\n")
    append(tmp_path / "app.10.0.log", "new\n")
    append(tmp_path / "edge.log", "edge\n")
    assert list(follow.read(tmp_path, ["app"], 5)) == [("app.10.0", "new")]
    assert list(follow.read(tmp_path, ["app.9.0"], 5)) == [("app.9.0", "old")]
    assert [line for _, line in follow.read(tmp_path, [], 5)] == ["new", "edge"]
    lines = follow.follow(tmp_path, ["app"], 5)
    assert next(lines) == ("app.10.0", "new")
    append(tmp_path / "app.9.0.log", "last words\n")
    append(tmp_path / "app.11.0.log", "newer\n")
    assert {next(lines), next(lines)} == {("app.9.0", "last words"), ("app.11.0", "newer")}
    lines.close()  # type: ignore[attr-defined]


def test_a_follower_that_finds_no_file_before_and_many_after(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    reader = Follower(log, from_start=True)
    for number in range(10):
        append(log, f"{number}\n")
        logs.rotate_if_due(log, 1)
    assert reader.new_lines() == [str(n) for n in range(5, 10)]
