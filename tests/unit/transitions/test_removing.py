"""Deleting data: on real files, by the orders that an agent is given, cut off at every point."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tenfold.engines.postgresql.disk import DiskState, parse_disk_state
from tenfold.transitions.perform.databases import DELETE_ASIDE, SET_ASIDE

FILES = ("PG_VERSION", "standby.signal", "global/pg_control", "base/1/1259")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The folder of a unit, with a cluster in it, as far as anybody here looks at one."""
    folder = tmp_path / "data" / "postgres"
    for name in FILES:
        path = folder / "cluster" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("17")
    return folder


def order(argv: tuple[str, ...], unit: Path) -> None:
    subprocess.run([*argv, str(unit)], check=True, cwd="/")


def on_disk(unit: Path) -> DiskState:
    script = str(files("tenfold.engines.postgresql").joinpath("disk-state.sh"))
    told = subprocess.run(
        ["/bin/sh", script, "no-such-program", str(unit / "cluster")],
        check=True,
        capture_output=True,
        text=True,
    )
    return parse_disk_state(told.stdout)


@pytest.mark.parametrize("gone", [None, *FILES])
def test_a_deletion_that_was_cut_off_leaves_no_data_and_says_that_it_left_something(
    unit: Path, gone: str | None
) -> None:
    order(SET_ASIDE, unit)
    assert not unit.exists()
    left = unit.with_name("postgres.removed")
    assert sorted(p.name for p in left.rglob("*") if p.is_file()) == sorted(
        Path(name).name for name in FILES
    )
    if gone:
        (left / "cluster" / gone).unlink()
    state = on_disk(unit)
    assert (state.cluster, state.removed) == (False, True)
    for argv in (SET_ASIDE, DELETE_ASIDE):
        order(argv, unit)
    assert list(unit.parent.iterdir()) == []
    assert not on_disk(unit).removed


def test_data_that_came_to_be_beside_what_was_left_is_set_aside_as_a_whole(unit: Path) -> None:
    shutil.copytree(unit, unit.with_name("postgres.removed"))
    order(SET_ASIDE, unit)
    assert not unit.exists()
    assert not (unit.with_name("postgres.removed") / "postgres").exists()
    order(DELETE_ASIDE, unit)
    assert list(unit.parent.iterdir()) == []


def test_deleting_what_is_not_there_is_fine(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for argv in (SET_ASIDE, DELETE_ASIDE):
        order(argv, tmp_path / "data" / "postgres")
