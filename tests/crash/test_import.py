"""An import that is killed, cut off or runs out of room leaves nothing behind."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from tests.support import apps
from tests.support.postgres import wait_for
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
ROWS = 300_000
UNTOUCHED = "nothing: the app's database is as it was"
COPYING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%'"
SESSIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'tenfold'"
    " AND backend_type = 'client backend'"
)


def shop(path: Path) -> Project:
    """The ledger, and a SQLite file with many lines for it."""
    project = apps.ledger(path)
    with sqlite3.connect(path / "lines.db") as connection:
        connection.execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, text)")
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
            " INSERT INTO lines SELECT i, printf('%060d', i) FROM n",
            [ROWS],
        )
    connection.close()
    return project


def asked(project: Project, query: str) -> str:
    return project.ok("psql", "--as", "superuser", "--", "-Atc", query).strip()


@contextmanager
def superuser(project: Project) -> Iterator[psycopg.Connection[Any]]:
    """A session of its own, which answers within milliseconds."""
    passwords = project.path / ".tenfold/hosts/vm1/config/postgres/pgpass"
    lines = [line.split(":") for line in passwords.read_text().splitlines() if "#" not in line]
    host, port = next((line[0], line[1]) for line in lines if line[0].startswith("/"))
    with psycopg.connect(
        host=host, port=port, user="postgres", dbname="postgres", passfile=str(passwords),
        autocommit=True,
    ) as connection:  # fmt: skip
        yield connection


def begun(project: Project) -> subprocess.Popen[str]:
    """An import that has stopped, for us, while it was copying rows."""
    with superuser(project) as session:
        command = project.start("db", "import", "lines.db")
        deadline = time.monotonic() + 60
        while session.execute(COPYING).fetchone() == (0,):
            assert command.poll() is None, command.communicate()
            assert time.monotonic() < deadline
        command.send_signal(signal.SIGSTOP)
    return command


def require_untouched(project: Project) -> None:
    """Nobody is at work any more, nothing has come, and the app serves."""
    wait_for(
        lambda: asked(project, SESSIONS) == "0", within=60, subject="the import's session to end"
    )
    assert project.get("/lines").json() == []
    assert asked(project, "SELECT last_value FROM lines_id_seq") == "1"


def test_killed_in_the_middle(bring: Bring) -> None:
    project = bring(shop)
    project.up()
    command = begun(project)
    command.kill()
    command.communicate(timeout=30)
    require_untouched(project)
    project.ok("db", "import", "lines.db")
    assert asked(project, "SELECT count(*), max(id) FROM lines") == f"{ROWS}|{ROWS}"
    assert project.request("POST", "/lines", body=b"next").status == 201
    assert asked(project, "SELECT max(id) FROM lines") == str(ROWS + 1)


def test_interrupted_in_the_middle(bring: Bring) -> None:
    project = bring(shop)
    project.up()
    command = begun(project)
    command.send_signal(signal.SIGINT)
    command.send_signal(signal.SIGCONT)
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 130, said
    assert "db import was interrupted" in said
    assert UNTOUCHED in said
    require_untouched(project)


def test_postgresql_killed_in_the_middle(bring: Bring) -> None:
    project = bring(shop)
    project.up()
    command = begun(project)
    (unit,) = project.units("postgresql")
    psutil.Process(unit["pid"]).send_signal(signal.SIGKILL)
    command.send_signal(signal.SIGCONT)
    said, _ = command.communicate(timeout=120)
    assert command.returncode == 1, said
    assert "the connection to the app's database was lost" in said
    assert UNTOUCHED in said
    wait_for(
        lambda: project.get("/lines").status == 200, within=60, subject="PostgreSQL to be back"
    )
    require_untouched(project)
    project.ok("db", "import", "lines.db")


def test_its_session_cut_in_the_middle(bring: Bring) -> None:
    project = bring(shop)
    project.up()
    command = begun(project)
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY%'"
    assert asked(project, ending) == "t"
    command.send_signal(signal.SIGCONT)
    said, _ = command.communicate(timeout=60)
    assert command.returncode == 1, said
    assert "the connection to the app's database was lost" in said
    assert UNTOUCHED in said
    require_untouched(project)


@contextmanager
def disk(project: Project) -> Iterator[Path]:
    """A disk of its own below the host's data."""
    folder = project.path / ".tenfold/hosts/vm1/data"
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=2g,mode=755", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        project.close()
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_fills_up(bring: Bring) -> None:
    project = bring(apps.ledger)
    dump = project.path / "lines.sql.gz"
    with gzip.open(dump, "wt") as file:
        file.write("-- PostgreSQL database dump\nCOPY public.lines (id, text) FROM stdin;\n")
        file.writelines(f"{i}\t{'x' * 400}\n" for i in range(1, ROWS))
        file.write("\\.\n-- PostgreSQL database dump complete\n")
    with disk(project) as folder:
        project.up()
        _resize(folder, f"size={_used(folder) + (60 << 20)}")
        failed = project.tenfold("db", "import", "lines.sql.gz")
        assert failed.returncode == 1
        full = "the disk of the app's database is full" in failed.stderr
        assert full or "the connection to the app's database was lost" in failed.stderr
        assert UNTOUCHED in failed.stderr
        _resize(folder, "size=2g")
        wait_for(lambda: project.get("/lines").status == 200, within=60, subject="the app to serve")
        require_untouched(project)
        _resize(folder, f"size={_used(folder) + (1 << 20)}")
        large = project.path / "large.db"
        with sqlite3.connect(large) as connection:
            connection.execute("CREATE TABLE lines (id, text)")
            connection.execute("INSERT INTO lines VALUES (1, zeroblob(100000000))")
        connection.close()
        refused = project.tenfold("db", "import", "large.db", "--dry-run")
        assert refused.returncode == 1
        assert "free where the app's database is" in refused.stderr
        _resize(folder, "size=2g")
        project.ok("db", "import", "lines.sql.gz")
        assert asked(project, "SELECT count(*) FROM lines") == str(ROWS - 1)


def _used(folder: Path) -> int:
    return sum(p.stat().st_blocks * 512 for p in folder.rglob("*") if p.is_file())


def _resize(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{size}", str(folder)], check=True)
