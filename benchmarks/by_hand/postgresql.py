"""A PostgreSQL by hand: the same wheel, the same memory, otherwise its own defaults."""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path

import psutil
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from benchmarks.account import give
from benchmarks.processes import Daemon, run, wait_for
from tenfold.engines.postgresql import binaries
from tenfold.engines.postgresql.sizing import size_text, sizing

SUPERUSER = "postgres"


class Postgres:
    """One cluster in ``folder``, with one database and the role that owns it."""

    def __init__(self, folder: Path, port: int, database: str) -> None:
        self.folder, self.port, self.database = folder, port, database
        self._programs = binaries.find().programs()
        self._data = folder / "data"
        self._password = secrets.token_hex(16)
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
