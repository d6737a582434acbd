"""A SQLite file with a million rows into PostgreSQL: ``tenfold db import`` beside pgloader."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg

from benchmarks.apps import DIARY
from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding
from benchmarks.tenfold_site import TenfoldSite
from benchmarks.workplace import Workplace, alternating

PGLOADER = "pgloader"
ROUNDS = 8
ORDERS, QUICK_ORDERS = 1_000_000, 20_000
PEOPLE = 10_000
SECONDS = 1800.0
GOAL = Goal(at_most=1.2)
HOW = f"""\
{ORDERS:,} orders of {PEOPLE:,} people, about 75 MB of SQLite: ids, a reference, times, amounts,
truth values, text. Both fill the same tables of the same server, which are made anew each time,
with primary keys, one more index and a foreign key. Tenfold's side is the whole command: it starts
a Python, reads the file through for damage, copies in one transaction, works out digests of both
sides and compares them, and sets the sequences. pgloader (`data only, reset sequences`, one reader
and one writer a table) compares nothing and commits each table for itself."""
SQLITE = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(80) NOT NULL,"
    " joined DATETIME NOT NULL)",
    "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, person_id INTEGER NOT NULL"
    " REFERENCES people(id), at DATETIME NOT NULL, amount DECIMAL(10,2) NOT NULL,"
    " paid BOOLEAN NOT NULL, note TEXT)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {people})"
    " INSERT INTO people SELECT i, 'person ' || i, datetime(1600000000 + i, 'unixepoch') FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {orders})"
    " INSERT INTO orders SELECT i, 1 + i % {people}, datetime(1700000000 + i, 'unixepoch'),"
    " (i % 100000) / 100.0, i % 2, CASE WHEN i % 3 THEN printf('note %040d', i) END FROM n",
)
TABLES = (
    "DROP TABLE IF EXISTS orders, people",
    "CREATE TABLE people (id bigserial PRIMARY KEY, name varchar(80) NOT NULL,"
    " joined timestamptz NOT NULL)",
    "CREATE TABLE orders (id bigserial PRIMARY KEY, person_id bigint NOT NULL REFERENCES people"
    " DEFERRABLE INITIALLY DEFERRED, at timestamptz NOT NULL, amount numeric(10,2) NOT NULL,"
    " paid boolean NOT NULL, note text)",
    "CREATE INDEX ON orders (person_id)",
    "CHECKPOINT",
)


def measure(options: Options, place: Workplace) -> Finding:
    """Import with both in turns."""
    if shutil.which(PGLOADER) is None:
        return _found(notes=("pgloader is not on this machine (`apt install pgloader`)",))
    orders = QUICK_ORDERS if options.quick else ORDERS
    site = place.tenfold(DIARY)
    site.up()
    file = _file(place.fresh("shop").with_suffix(".sqlite3"), orders)
    ours: list[float] = []
    theirs: list[float] = []
    for turn in range(options.rounds_or(ROUNDS)):
        for name in alternating("ours", "theirs", turn):
            _tables(site)
            began = perf_counter()
            if name == "ours":
                _tenfold(site, file)
                ours.append(perf_counter() - began)
            else:
                _pgloader(site, file)
                theirs.append(perf_counter() - began)
            _require(site, orders)
        print(f"  round {turn + 1}: {ours[-1]:.1f} s, {theirs[-1]:.1f} s", file=sys.stderr)
    return _found(
        comparisons=(Comparison("the import", "s", tuple(ours), tuple(theirs), goal=GOAL),),
        raw={"ours": ours, "theirs": theirs, "orders": orders},
    )


def _found(**more: Any) -> Finding:
    return Finding(
        name="importing",
        title="A million rows of SQLite's",
        how=HOW,
        sides=("Tenfold", PGLOADER),
        **more,
    )


def _file(path: Path, orders: int) -> Path:
    with sqlite3.connect(path) as connection:
        for statement in SQLITE:
            connection.execute(statement.format(people=PEOPLE, orders=orders))
    connection.close()
    return path


def _tables(site: TenfoldSite) -> None:
    for statement in TABLES:
        role = "superuser" if statement == "CHECKPOINT" else "owner"
        site.project.ok("psql", "--as", role, "--", "-qc", statement)


def _tenfold(site: TenfoldSite, file: Path) -> None:
    site.project.ok("db", "import", str(file), timeout=SECONDS)


def _pgloader(site: TenfoldSite, file: Path) -> None:
    """As the role that owns the tables, whose URL only the file that it reads has."""
    url = site.project.ok("run", "--as", "owner", "printenv", "DATABASE_URL").strip()
    orders = file.with_suffix(".load")
    orders.touch(mode=0o600)
    orders.write_text(
        f"LOAD DATABASE FROM sqlite://{file} INTO {url}"
        " WITH data only, reset sequences, workers = 2, concurrency = 1;\n"
    )
    try:
        subprocess.run(
            [PGLOADER, "--root-dir", str(file.parent / "pgloader"), str(orders)],
            check=True,
            capture_output=True,
            timeout=SECONDS,
        )
    finally:
        orders.unlink()


def _require(site: TenfoldSite, orders: int) -> None:
    """pgloader exits 0 whatever it left out."""
    with psycopg.connect(site.dsn()) as db:
        found = db.execute("SELECT count(*), sum(amount) IS NOT NULL FROM orders").fetchone()
    if found != (orders, True):
        raise RuntimeError(f"{found} arrived of {orders}")
