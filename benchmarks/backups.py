"""What keeping backups costs, and how long a copy and the way back take beside plain tools."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import perf_counter

import psycopg
from tests.support import apps, backups
from tests.support.project import Project

from benchmarks.figures import Goal
from benchmarks.options import Options
from benchmarks.results import Comparison, Finding, Table
from benchmarks.workplace import Workplace, alternating
from tenfold.engines.postgresql.binaries import find

ROW_BYTES = 2000
RATE = 200.0
WRITERS = 4
WINDOW_SECONDS = 30.0
FAST = '\n[transition]\nmax_copy_rate = "1GB"\n'
HOW = f"""\
*Writes*: two sites of the same app, one with `[database.backup]` to a directory of the same disk
and one without. {WRITERS} sessions together commit {RATE:g} rows of {ROW_BYTES} random bytes a
second, at times fixed beforehand, for {WINDOW_SECONDS:g} s on one site, then on the other; a
latency counts from when the write was due. That fills a segment of the log every some seconds.
*Copies*: of a database of random text. *Tenfold*: `tenfold db backup` (zstd, digests, synced part
by part, and the log until it is consistent), `tenfold db restore --into` (manifest compared, log
replayed, checkpoint written). *Plain*: `pg_basebackup` into a directory, neither compressed nor
encrypted; `cp -a` of that directory, synced."""


def measure(options: Options, place: Workplace) -> Finding:
    """Both, in turns."""
    with ExitStack() as stack:
        kept = _site(place, stack, with_backups=True)
        bare = _site(place, stack, with_backups=False)
        backups.wait_for_first(kept)
        writes = _writes(kept, bare, options.rounds_or(5), 3.0 if options.quick else WINDOW_SECONDS)
        megabytes = 20 if options.quick else 1000
        copies = _copies(kept, place, megabytes, 1 if options.quick else 3)
    return Finding(
        name="backups",
        title="Backups: the log while it is written, copies, the way back",
        how=HOW,
        sides=("Tenfold", "without, or plain"),
        comparisons=(
            *(
                Comparison(
                    f"commits, {name}", "ms", writes["with"][name], writes["without"][name],
                    goal=Goal(at_most=1.05) if name == "p95" else None,
                )
                for name in ("p50", "p95", "p99")
            ),
            Comparison(f"copy of {megabytes} MB", "s", copies["backup"], copies["pg_basebackup"]),
            Comparison("back from it", "s", copies["restore"], copies["cp"]),
        ),
        tables=(_sizes(copies),),
        raw={"writes": writes, "copies": copies},
    )  # fmt: skip


def _site(place: Workplace, stack: ExitStack, *, with_backups: bool) -> Project:
    folder = place.fresh("kept" if with_backups else "bare")
    folder.mkdir()
    project = backups.kept(folder, FAST, apps.notes) if with_backups else apps.notes(folder)
    stack.callback(project.close)
    project.up()
    with psycopg.connect(_dsn(project), autocommit=True) as db:
        db.execute("create table written (id bigserial primary key, text bytea)")
    return project


def _dsn(project: Project) -> str:
    return project.ok("run", "printenv", "DATABASE_URL").strip()


def _writes(
    kept: Project, bare: Project, rounds: int, seconds: float
) -> dict[str, dict[str, tuple[float, ...]]]:
    found: dict[str, dict[str, list[float]]] = {
        side: {"p50": [], "p95": [], "p99": []} for side in ("with", "without")
    }
    places = {"with": _dsn(kept), "without": _dsn(bare)}
    for turn in range(rounds):
        for side, dsn in alternating(
            ("with", places["with"]), ("without", places["without"]), turn
        ):
            taken = sorted(_latencies(dsn, seconds))
            for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                found[side][name].append(1000 * taken[int(share * (len(taken) - 1))])
    return {side: {k: tuple(v) for k, v in told.items()} for side, told in found.items()}


def _latencies(dsn: str, seconds: float) -> list[float]:
    taken: list[float] = []
    began = perf_counter() + 0.5

    def write(who: int) -> None:
        with psycopg.connect(dsn, autocommit=True) as db:
            for number in range(int(seconds * RATE / WRITERS)):
                due = began + (number * WRITERS + who) / RATE
                time.sleep(max(0.0, due - perf_counter()))
                db.execute("insert into written (text) values (%b)", [os.urandom(ROW_BYTES)])
                taken.append(perf_counter() - due)

    threads = [threading.Thread(target=write, args=(who,)) for who in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def _copies(
    project: Project, place: Workplace, megabytes: int, rounds: int
) -> dict[str, tuple[float, ...]]:
    _fill(_dsn(project), megabytes)
    programs = find().bin_dir
    state = project.path / ".tenfold/hosts/vm1"
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        plain, again, back = (place.fresh(n) for n in ("plain", "again", "back"))
        works: dict[str, Callable[[], object]] = {
            "backup": partial(project.ok, "db", "backup", timeout=900),
            "pg_basebackup": partial(_basebackup, programs, state, plain),
            "restore": partial(project.ok, "db", "restore", "--into", str(back), timeout=900),
            "cp": partial(_copied, plain, again),
        }
        for name, work in works.items():
            began = perf_counter()
            work()
            found.setdefault(name, []).append(perf_counter() - began)
        for folder in (plain, again, back):
            shutil.rmtree(folder)
    stored = max(backups.place_for(project.path).glob("*/backups/*"), key=lambda p: p.name)
    found["stored_mb"] = [sum(f.stat().st_size for f in stored.iterdir()) / 1e6]
    return {name: tuple(values) for name, values in found.items()}


def _fill(dsn: str, megabytes: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("create table filler (id bigserial, text text)")
        for _ in range(max(1, megabytes // 50)):
            db.execute(
                "insert into filler (text) select string_agg(md5(random()::text), '')"
                " from generate_series(1, %s) n group by n %% %s",
                [50_000_000 // 32, 50_000_000 // 1900],
            )


def _basebackup(programs: Path, state: Path, into: Path) -> None:
    told = (state / "config/backup/pgpass").read_text().splitlines()[1]
    host, port, _, user, _ = told.split(":")
    subprocess.run(
        [programs / "pg_basebackup", "-D", into, "-h", host, "-p", port, "-U", user,
         "--checkpoint=fast", "--no-password"],
        check=True, env={**os.environ, "PGPASSFILE": str(state / "config/backup/pgpass")},
    )  # fmt: skip


def _copied(source: Path, to: Path) -> None:
    subprocess.run(["cp", "-a", source, to], check=True)
    subprocess.run(["sync", "-f", to], check=True)


def _sizes(copies: dict[str, tuple[float, ...]]) -> Table:
    return Table(
        "What lies in the place", ("", "MB"), (("one copy", f"{copies['stored_mb'][0]:.0f}"),)
    )
