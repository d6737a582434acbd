from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenfold.observe.load_figures import (
    FRESH_SECONDS,
    LoadFigures,
    believed,
    is_alive,
    publish,
    read,
    together,
    withdraw,
)

ONE = LoadFigures(41, 900.0, 1000.0, 50.0, 702, 0, 128.4, "run.ledger")


def seen(folder: Path, now: float = 1000.5, alive: bool = True) -> tuple[LoadFigures, ...]:
    return believed(folder, now=lambda: now, lives=lambda pid: alive)


def test_what_a_load_says_is_read_until_it_is_over(tmp_path: Path) -> None:
    folder = tmp_path / "load"
    assert seen(folder) == ()
    publish(folder, ONE)
    publish(folder, replace(ONE, acknowledged=750))
    assert seen(folder) == (replace(ONE, acknowledged=750),)
    withdraw(folder, ONE.pid)
    withdraw(folder, ONE.pid)
    assert list(folder.iterdir()) == []


def test_what_is_stale_or_of_a_dead_process_is_not_believed(tmp_path: Path) -> None:
    publish(tmp_path, ONE)
    assert seen(tmp_path, now=ONE.at + FRESH_SECONDS + 0.1) == ()
    assert seen(tmp_path, now=ONE.at - FRESH_SECONDS - 0.1) == ()
    assert seen(tmp_path, alive=False) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps({**ONE.to_json(), "format": 2}).encode(),
        json.dumps({**ONE.to_json(), "pid": 7}).encode(),
        json.dumps({**ONE.to_json(), "pid": "41"}).encode(),
        json.dumps({**ONE.to_json(), "at": "now"}).encode(),
        json.dumps({**ONE.to_json(), "acknowledged": "all"}).encode(),
        json.dumps({**ONE.to_json(), "more": 1}).encode(),
    ],
)
def test_what_is_no_such_file_is_passed_over(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "41.json").write_bytes(data)
    assert seen(tmp_path) == ()


def test_the_figures_of_several_loads_are_added_up() -> None:
    other = replace(ONE, pid=42, acknowledged=None, failed=3, longest_stall_ms=7.0, ledger=None)
    found: dict[str, Any] | None = together((ONE, other))
    assert found is not None
    assert (found["loads"], found["rate"], found["failed"]) == (2, 100.0, 3)
    assert (found["acknowledged"], found["longest_stall_ms"]) == (702, 128.4)
    assert found["ledgers"] == ["run.ledger"]
    assert together(()) is None
    alone = together((other,))
    assert alone is not None
    assert alone["acknowledged"] is None


def test_figures_are_the_same_after_json() -> None:
    assert read(json.loads(json.dumps(ONE.to_json()))) == ONE


def test_a_process_lives_until_it_is_gone() -> None:
    assert is_alive(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not is_alive(process.pid)
