"""Deployments that keep backups, and looking at what was brought back."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
from tests.support import apps
from tests.support.postgres import NOBODY, unprivileged, wait_for
from tests.support.project import Project

from tenfold.engines.postgresql.binaries import find


def place_for(path: Path) -> Path:
    """A directory for backups beside a project, as its database's user may write to."""
    place = path.parent / f"backups-of-{path.name}"
    place.mkdir(exist_ok=True)
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
    return place


def kept(path: Path, more: str = "", kind: Callable[[Path], Project] = apps.diary) -> Project:
    """An app, the diary by default, backed up to a directory."""
    project = kind(path)
    spec = path / "tenfold.toml"
    text = f'\n[database.backup]\nto = "{place_for(path)}"\n{more}'
    spec.write_text(spec.read_text() + text)
    return project


def standing(project: Project) -> dict[str, Any]:
    found = project.status()["backup"]
    assert isinstance(found, dict), "nobody knows how backups stand"
    return found


def wait_for_first(project: Project, within: float = 180.0) -> dict[str, Any]:
    """Until the copy is there that is made by itself."""
    wait_for(
        lambda: standing(project)["last_backup"] is not None,
        within=within,
        subject="the first backup",
    )
    return standing(project)


def wait_until_recoverable(project: Project, moment: float, within: float = 60.0) -> None:
    """Until all that was committed by then is in the archive."""
    wait_for(
        lambda: (standing(project)["recoverable_at"] or 0.0) >= moment,
        within=within,
        subject="the archive to have everything",
    )


@contextmanager
def opened(cluster: Path) -> Iterator[psycopg.Connection[Any]]:
    """A session at the app's database in a restored data directory."""
    programs = find().bin_dir
    place = Path(tempfile.mkdtemp(prefix="tf-look-", dir="/tmp"))
    (place / "pg_hba.conf").write_text("local all all trust\n")
    (place / "postgresql.conf").write_text(
        f"data_directory = '{cluster}'\nhba_file = '{place}/pg_hba.conf'\n"
        f"unix_socket_directories = '{place}'\nlisten_addresses = ''\nport = 5432\n"
    )
    if os.geteuid() == 0:
        for path in (place, *place.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    process = subprocess.Popen(
        [programs / "postgres", "-D", cluster, "-c", f"config_file={place}/postgresql.conf"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **unprivileged(),
    )  # fmt: skip
    ask = [str(programs / "pg_isready"), "--quiet", f"--host={place}"]
    try:
        wait_for(
            lambda: subprocess.run(ask, check=False).returncode == 0,
            within=60,
            subject="the restored database to let people in",
        )
        with psycopg.connect(host=str(place), user="postgres", dbname="notes") as session:
            yield session
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(place, ignore_errors=True)


def at(moment: float) -> str:
    """A moment as it is written on the command line."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment % 1 * 1e6):06}Z"


def texts(session: psycopg.Connection[Any], table: str = "notes") -> list[str]:
    return [str(row[0]) for row in session.execute(f"select text from {table} order by id")]


def lose_everything(project: Project) -> None:
    """What becomes of a machine: its processes end where they are, its directory is gone."""
    deadline = time.monotonic() + 30
    while (left := _with_children(project.processes())) and time.monotonic() < deadline:
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=2)
    assert not left
    shutil.rmtree(project.path / ".tenfold")


def _with_children(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those of nginx, for instance, have written over what they could be told by."""
    found = {process.pid: process for process in processes}
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found.update((child.pid, child) for child in process.children(recursive=True))
    return list(found.values())
