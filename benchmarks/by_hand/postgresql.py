"""A PostgreSQL by hand: the same wheel, the same memory, otherwise its own defaults."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.account import give
from benchmarks.processes import Daemon, run, wait_for
from tenfold.engines.postgresql import binaries
from tenfold.engines.postgresql.sizing import size_text, sizing

SUPERUSER = "postgres"
SLOT = "by_hand"


class Postgres:
    """One cluster in ``folder``, with one database and the role that owns it."""

    def __init__(
        self, folder: Path, port: int, database: str, *, password: str | None = None
    ) -> None:
        self.folder, self.port, self.database = folder, port, database
        self._programs = binaries.find().programs()
        self._data = folder / "data"
        self._password = password or secrets.token_hex(16)
        self._daemon: Daemon | None = None

    @property
    def pid(self) -> int:
        """Of the main process."""
        assert self._daemon is not None
        return self._daemon.pid

    @property
    def url(self) -> str:
        """For the app."""
        return (
            f"postgresql://{self.database}:{self._password}@127.0.0.1:{self.port}/{self.database}"
        )

    def initialise(self) -> None:
        """initdb, with the options that Tenfold uses too, and a configuration."""
        self.folder.mkdir()
        secret = self.folder / "password"
        secret.write_text(self._password)
        give(self.folder)
        run(
            (
                self._programs["initdb"],
                *("-D", str(self._data), "-U", SUPERUSER, "--pwfile", str(secret)),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--data-checksums"),
                *("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                "--no-instructions",
            ),
            cwd=Path("/"),
        )
        with (self._data / "postgresql.auto.conf").open("a") as file:
            file.write(self._configuration())

    def start(self) -> None:
        """Start it and wait until it lets people in."""
        argv = (self._programs["postgres"], "-D", str(self._data))
        self._daemon = Daemon(argv, log=self.folder / "log")
        wait_for(self._answers, "PostgreSQL to start", daemon=self._daemon)

    def create(self) -> None:
        """The app's role and database."""
        role = sql.Identifier(self.database)
        with psycopg.connect(self._admin(), autocommit=True) as db:
            db.execute(
                sql.SQL("create role {} login password {}").format(
                    role, sql.Literal(self._password)
                )
            )
            db.execute(sql.SQL("create database {} owner {}").format(role, role))

    def stop(self) -> None:
        """A fast stop."""
        if self._daemon is not None:
            self._daemon.end(signal.SIGINT, within_seconds=30.0)
            self._daemon = None

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Moving

    def copy(self, folder: Path, port: int) -> Postgres:
        """A follower of this one, not yet started: ``pg_basebackup``, with a slot."""
        other = Postgres(folder, port, self.database, password=self._password)
        folder.mkdir()
        give(folder)
        run(
            (
                self._programs["pg_basebackup"],
                *("-D", str(other._data), "-d", self._admin()),
                *("-R", "-C", "-S", SLOT, "-X", "stream", "-c", "fast"),
            ),
            cwd=Path("/"),
        )
        with (other._data / "postgresql.auto.conf").open("a") as file:
            file.write(other._configuration())
        return other

    def await_level(self, leader: Postgres) -> None:
        """Wait until it has replayed what the leader, which runs, has written by now."""
        (end,) = leader.ask("select pg_current_wal_lsn()::text")
        wait_for(lambda: self._has_replayed(end), "the copy to catch up")

    def await_all_of(self, stopped: Postgres) -> None:
        """Wait until it has replayed the last record of a leader that was shut down."""
        said = subprocess.run(
            [self._programs["pg_controldata"], "-D", stopped._data],
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            env={"PATH": os.defpath, "LC_ALL": "C"},
        ).stdout
        found = re.search(r"^Latest checkpoint location:\s*(\S+)$", said, re.MULTILINE)
        if found is None or not re.search(r"^Database cluster state:\s*shut down$", said, re.M):
            raise RuntimeError(f"not shut down in order:\n{said}")
        wait_for(lambda: self._has_replayed(found[1], beyond=True), "the copy to have it all")

    def promote(self) -> None:
        """Have it lead, and wait until it does."""
        run((self._programs["pg_ctl"], "promote", "-w", "-D", str(self._data)), cwd=Path("/"))

    def checkpoint(self) -> None:
        """Write out what is dirty, so that a stop or a promotion has little to write."""
        with psycopg.connect(self._admin(), autocommit=True) as db:
            db.execute("checkpoint")

    def ask(self, query: LiteralString) -> tuple[Any, ...]:
        """The one row that a query of the superuser gives."""
        with psycopg.connect(self._admin(), autocommit=True) as db:
            row = db.execute(query).fetchone()
        assert row is not None
        return row

    def _has_replayed(self, lsn: str, *, beyond: bool = False) -> bool:
        (replayed,) = self.ask("select pg_last_wal_replay_lsn() - '0/0'")
        high, _, low = lsn.partition("/")
        wanted = (int(high, 16) << 32) + int(low, 16)
        return int(replayed) > wanted if beyond else int(replayed) >= wanted

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._admin(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _admin(self) -> str:
        return make_conninfo(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self._password,
            dbname="postgres",
        )

    def _configuration(self) -> str:
        sizes = sizing(psutil.virtual_memory().total, len(os.sched_getaffinity(0)))
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "max_connections": sizes.max_connections,
            "shared_buffers": size_text(sizes.shared_buffers_bytes),
            "effective_cache_size": size_text(sizes.effective_cache_size_bytes),
            "work_mem": size_text(sizes.work_mem_bytes),
            "maintenance_work_mem": size_text(sizes.maintenance_work_mem_bytes),
            "max_wal_size": size_text(sizes.max_wal_size_bytes),
            "random_page_cost": "1.1",
            "jit": "off",
        }
        return "".join(f"{name} = '{value}'\n" for name, value in settings.items())
