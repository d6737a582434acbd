"""Data for a database to be large with, and random updates of it that go on while it moves."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.tenfold_site import TenfoldSite
from tenfold.engines.postgresql import binaries

ROWS_PER_MB = 6_600  # a row of pgbench_accounts, with its share of the index
RATE = 50
LONGEST_SECONDS = 3600
AGAIN_SECONDS = 0.05
FILL_SECONDS = 1800.0
TABLE = """\
create table filler (id bigint primary key, n int not null, pad char(84) not null);
insert into filler select i, 0, '' from generate_series(1, {rows}) i;
vacuum (freeze, analyze) filler;
checkpoint"""
SCRIPT = """\
\\set id random(1, :rows)
update filler set n = n + 1 where id = :id;
"""
PROGRESS = re.compile(r"^progress: [\d.]+ s, ([\d.]+) tps", re.MULTILINE)


def rows_of(megabytes: int) -> int:
    """How many rows make a table of this size, index included."""
    return megabytes * ROWS_PER_MB


def fill(site: TenfoldSite, megabytes: int) -> None:
    """A table of about this size, which the app may write to."""
    for statement in TABLE.format(rows=rows_of(megabytes)).split(";\n"):
        role = "superuser" if statement == "checkpoint" else "owner"
        site.project.ok("psql", "--as", role, "--", "-c", statement, timeout=FILL_SECONDS)


def size_mb(site: TenfoldSite) -> float:
    """What the database takes on its disk."""
    asked = "select pg_database_size(current_database())"
    return int(site.project.ok("psql", "--", "-Atc", asked)) / 1e6


@contextmanager
def updates(dsn: str, megabytes: int, folder: Path) -> Iterator[Updates]:
    """Random updates by one client, at a steady rate, while the body runs.

    Args:
        dsn: leads to whoever accepts writes: several hosts with ``target_session_attrs``.
        megabytes: what :func:`fill` was told.
        folder: for its files, which must not exist yet.
    """
    folder.mkdir()
    going = Updates(dsn, rows_of(megabytes), folder)
    going.start()
    try:
        yield going
    finally:
        going.stop()


class Updates:
    """``pgbench``, started again whenever its session is ended."""

    def __init__(self, dsn: str, rows: int, folder: Path) -> None:
        script, self._log = folder / "update.sql", folder / "log"
        script.write_text(SCRIPT)
        self._argv = (
            str(binaries.find().bin_dir / "pgbench"),
            *("-n", "-c1", f"-R{RATE}", f"-T{LONGEST_SECONDS}", "-P1"),
            *("-D", f"rows={rows}", "-f", str(script), dsn),
        )
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    @property
    def done(self) -> int:
        """How many there were, of those seconds that are over."""
        return round(sum(float(tps) for tps in PROGRESS.findall(self._log.read_text())))

    def start(self) -> None:
        """Begin."""
        self._log.touch()
        self._thread.start()

    def stop(self) -> None:
        """End for good."""
        self._over.set()
        with self._guard:
            if self._process is not None:
                self._process.kill()
        self._thread.join()

    def _go_on(self) -> None:
        with self._log.open("ab") as log:
            while not self._over.is_set():
                with self._guard:
                    if self._over.is_set():
                        return
                    self._process = subprocess.Popen(
                        self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log
                    )
                self._process.wait()
                self._over.wait(AGAIN_SECONDS)
