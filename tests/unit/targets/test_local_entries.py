from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenfold.agent import logs
from tenfold.observe.log_query import Query, of_one_request
from tenfold.targets.local.entries import Entry, UnitLog, in_order, merged
from tenfold.wiring.log_lines import Line, encode

BEGAN = 1_764_000_000.0


def write(log: Path, *numbers: int, request: str | None = None) -> None:
    with log.open("ab") as file:
        for number in numbers:
            file.write(encode(BEGAN + number, request, str(number)))


def texts(entries: Iterator[Entry] | list[Entry]) -> list[str]:
    return [entry.line.text for entry in entries]


def test_everything_is_read_through_rotated_files_and_then_what_comes(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    for begin in range(0, 12, 3):
        write(log, *range(begin, begin + 3))
        logs.rotate_if_due(log, 1)
    write(log, 12)
    unit = UnitLog("vm1", "app", log)
    assert texts(unit.all(None)) == [str(n) for n in range(13)]
    write(log, 13)
    logs.rotate_if_due(log, 1)
    write(log, 14)
    assert texts(unit.new()) == ["13", "14"]


def test_a_log_that_is_rotated_while_it_is_read_loses_nothing(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    write(log, *range(20))
    entries = UnitLog("vm1", "app", log).all(None)
    found = [next(entries)]
    logs.rotate_if_due(log, 1)
    write(log, *range(20, 25))
    found += entries
    assert texts(found) == [str(n) for n in range(25)]


def test_old_files_are_not_opened(tmp_path: Path) -> None:
    import os

    log = tmp_path / "app.log"
    write(log, 1)
    logs.rotate_if_due(log, 1)
    os.utime(tmp_path / "app.log.1", (BEGAN, BEGAN))
    write(log, 100)
    assert texts(UnitLog("vm1", "app", log).all(BEGAN + 50)) == ["100"]


def test_units_are_merged_by_time_and_lines_without_one_stay_in_place(tmp_path: Path) -> None:
    write(tmp_path / "a.log", 1, 4)
    with (tmp_path / "a.log").open("a") as file:
        file.write("said no time\n")
    write(tmp_path / "b.log", 2, 3, 6)
    each = [UnitLog("vm1", n, tmp_path / f"{n}.log").all(None) for n in "ab"]
    assert texts(merged(each)) == ["1", "2", "3", "4", "said no time", "6"]


def test_small_disorder_is_sorted_and_little_is_held_back() -> None:
    def entry(at: float) -> Entry:
        return Entry("vm1", "edge", at, Line(str(at)))

    taken: list[float] = []

    def source() -> Iterator[Entry]:
        for at in (1.0, 1.9, 1.2, 2.5, 2.1, 30.0, 31.0):
            taken.append(at)
            yield entry(at)

    ordered = in_order(source())
    assert next(ordered).at == 1.0
    assert 31.0 not in taken
    assert [e.at for e in ordered] == [1.2, 1.9, 2.1, 2.5, 30.0, 31.0]


def test_a_links_target_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / "app.log").symlink_to(tmp_path / "secret")
    (tmp_path / "app.log.1").symlink_to(tmp_path / "secret")
    assert texts(UnitLog("vm1", "app", tmp_path / "app.log").all(None)) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(since=BEGAN + 2), ["2", "3"]),
        (Query(until=BEGAN + 1), ["0", "1"]),
        (Query(since=BEGAN + 1, until=BEGAN + 2), ["1", "2"]),
        (Query(request="none"), []),
        (Query(request="an-id"), ["0", "1", "2", "3"]),
    ],
)
def test_what_is_wanted(tmp_path: Path, query: Query, found: list[str]) -> None:
    write(tmp_path / "app.log", 0, 1, 2, 3, request="an-id")
    unit = UnitLog("vm1", "app", tmp_path / "app.log")
    assert texts(filter(query.wants, unit.all(query.since))) == found


def test_of_one_request_the_edge_comes_first_although_it_writes_last() -> None:
    edge = Line("{}", BEGAN + 5, "id", {"seconds": 4.0})
    app = Line("in the app", BEGAN + 2, "id")
    entries = [Entry("a", "app", app.at, app), Entry("a", "edge", edge.at, edge)]
    assert [e.unit for e in of_one_request(entries)] == ["edge", "app"]
