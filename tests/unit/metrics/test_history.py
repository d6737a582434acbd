from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold.metrics import history
from tenfold.metrics.history import (
    COARSE_KEPT_SECONDS,
    COARSE_SECONDS,
    FINE_KEPT_SECONDS,
    FINE_SECONDS,
    History,
    read,
)
from tenfold.metrics.points import NAMES, Point

BEGAN = 1_764_000_000


def fill(kept: History, seconds: int, begin: int = BEGAN, every: int = FINE_SECONDS) -> int:
    end = begin + seconds
    for at in range(begin, end, every):
        assert kept.add(Point(at, {"requests": 10.0, "p95_ms": float(at % 600 == 0)}))
    return end - every


def test_two_hours_are_kept_finely(tmp_path: Path) -> None:
    kept = History(tmp_path / "h.db")
    last = fill(kept, 300)
    found = read(tmp_path / "h.db", ["requests"], BEGAN, last)["requests"]
    assert found.step_seconds == FINE_SECONDS
    assert len(found.points) == 30
    kept.close()


def test_older_ones_become_means_and_peaks_of_five_minutes(tmp_path: Path) -> None:
    kept = History(tmp_path / "h.db")
    last = fill(kept, 3 * 3600)
    found = read(tmp_path / "h.db", ["requests", "p95_ms"], last - 4 * 3600, last)
    assert found["requests"].step_seconds == COARSE_SECONDS
    assert {value for _, value in found["requests"].points} == {10.0}
    assert len(found["requests"].points) == 3 * 12 - 1
    assert {value for _, value in found["p95_ms"].points} == {0.0, 1.0}
    fine = read(tmp_path / "h.db", ["requests"], last - FINE_KEPT_SECONDS, last)["requests"]
    assert len(fine.points) == FINE_KEPT_SECONDS // FINE_SECONDS + 1
    kept.close()


def test_two_weeks_are_all_and_fit_into_a_few_megabytes(tmp_path: Path) -> None:
    kept = History(tmp_path / "h.db")
    # As it is after more than two weeks, without having waited for them.
    kept.add(Point(BEGAN, dict.fromkeys(NAMES, 1.0)))
    kept.close()
    with sqlite3.connect(tmp_path / "h.db") as file:
        file.executemany(
            "insert or replace into points select ?, id, ?, 1.5 from names",
            [(COARSE_SECONDS, BEGAN + n * COARSE_SECONDS) for n in range(20 * 288)],
        )
        file.executemany(
            "insert or replace into points select ?, id, ?, 1.5 from names",
            [(FINE_SECONDS, BEGAN + n * FINE_SECONDS) for n in range(1000)],
        )
    file.close()
    kept = History(tmp_path / "h.db")
    now = BEGAN + 20 * 86_400
    assert kept.add(Point(now, dict.fromkeys(NAMES, 1.0)))
    found = read(tmp_path / "h.db", ["requests"], 0, now)["requests"]
    assert found.points[0][0] >= now - COARSE_KEPT_SECONDS
    assert kept.bytes < 8 << 20
    kept.close()


def test_a_clock_that_was_wrong_leaves_nothing_in_the_future(tmp_path: Path) -> None:
    kept = History(tmp_path / "h.db")
    kept.add(Point(BEGAN + 86_400, {"requests": 1.0}))
    kept.add(Point(BEGAN, {"requests": 2.0}))
    found = read(tmp_path / "h.db", ["requests"], BEGAN - 10, BEGAN + 90_000)
    assert found["requests"].points == ()
    kept.close()


def test_what_a_full_disk_does_not_take_is_lost_and_then_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    small = History(path, max_bytes=24 << 10)
    taken = [small.add(Point(BEGAN + n * 10, dict.fromkeys(NAMES, 1.0))) for n in range(200)]
    assert taken[0]
    assert not taken[-1]
    assert small.lost == taken.count(False)
    assert "full" in small.why
    small.close()
    larger = History(path)
    assert larger.add(Point(BEGAN + 2000, dict.fromkeys(NAMES, 2.0)))
    assert larger.why == ""
    larger.close()


def test_what_is_no_database_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    path.write_bytes(b"no database at all" * 1000)
    kept = History(path)
    assert not kept.add(Point(BEGAN, {"requests": 1.0}))
    assert kept.add(Point(BEGAN + 10, {"requests": 1.0}))
    assert (tmp_path / "h.db.unreadable").exists()
    kept.close()


@pytest.mark.parametrize("content", [None, b"", b"nonsense" * 4096])
def test_whoever_reads_finds_nothing_and_makes_nothing(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "h.db"
    if content is not None:
        path.write_bytes(content)
    before = set(tmp_path.iterdir())
    assert read(path, ["requests"], 0, BEGAN) == {}
    assert set(tmp_path.iterdir()) == before


def test_a_killed_writer_leaves_a_history_that_can_be_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "h.db"
    code = (
        "import sys; from pathlib import Path; from tenfold.metrics.history import History\n"
        "from tenfold.metrics.points import Point\n"
        "h = History(Path(sys.argv[1])); n = 0\n"
        "while True:\n"
        f"    h.add(Point({BEGAN} + n, {{'requests': 1.0, 'errors': 0.0}})); n += 1\n"
        "    print(n, flush=True)\n"
    )
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        while int(process.stdout.readline()) < 20:
            pass
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        again = History(path)
        assert again.add(Point(BEGAN + 5, {"requests": 3.0}))
        again.close()
        found = read(path, ["requests"], BEGAN, BEGAN + 10)["requests"]
        assert dict(found.points)[BEGAN + 5] == 3.0


def test_every_peak_is_a_figure_that_there_is() -> None:
    assert set(history.PEAKS) <= set(NAMES)
