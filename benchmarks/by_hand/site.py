"""A site by hand: the same processes, started in the order in which each needs the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import psycopg
from tests.support.ports import free_port

from benchmarks.account import give
from benchmarks.apps import App
from benchmarks.by_hand.edge import Edge
from benchmarks.by_hand.postgresql import Postgres
from benchmarks.by_hand.workers import Workers
from benchmarks.processes import run, tree, wait_for
from benchmarks.sites import THEIRS, Parts
from benchmarks.watcher import answers

WORKER = Path(__file__).with_name("worker.py")
T = TypeVar("T")


class HandSite:
    """In ``folder``, which must not exist yet. The app's environment is used where it is."""

    name = THEIRS

    def __init__(self, app: App, folder: Path, workers: int) -> None:
        folder.mkdir()
        give(folder)
        self._app, self._folder = app, folder
        self._code = app.copy(folder / "app")
        self._media = folder / "media"
        self._media.mkdir()
        give(self._code, self._media)
        self._ports = (free_port(), free_port())
        self._postgres = Postgres(folder / "postgres", self._ports[0], app.name)
        self._copy: Postgres | None = None
        self._moves = 0
        self._workers = Workers(
            (str(app.python), "-P", str(WORKER), app.entry),
            free_port(),
            workers,
            code=self._code,
            env=self._env(),
            logs=folder,
        )
        port = free_port()
        self._edge = Edge(folder / "edge", port, self._workers.address)
        self.url = f"http://127.0.0.1:{port}"
        self._cold = True
        self._python("-m", "compileall", "-q", ".")

    def up(self) -> Parts:
        """What a careful script does, timed part by part."""
        laps = Laps()
        if self._cold:
            laps.time("initdb", self._postgres.initialise)
        laps.time("postgres", self._postgres.start)
        if self._cold:
            laps.time("role and database", self._postgres.create)
            if self._app.migrate:
                laps.time("migrations", lambda: self._python("-m", *self._app.migrate))
        laps.time("app", self._workers.start)
        laps.time("edge", self._start_edge)
        self._cold = False
        return {**laps.parts, "the whole command": sum(laps.parts.values())}

    def down(self) -> None:
        """The other way round."""
        self._edge.stop()
        self._workers.stop()
        self._postgres.stop()

    def seed(self) -> None:
        if self._app.seed:
            self._python("-m", *self._app.seed)
        with psycopg.connect(self.dsn(), autocommit=True) as db:
            db.execute("analyze")

    def renew(self, version: str) -> None:
        (self._code / "version.py").write_text(f'VERSION = "{version}"\n')
        self._workers.restart()

    def move(self) -> tuple[Parts, Parts]:
        """A fresh copy of the database, on the other port, leads, and the app uses it.

        What a careful person's script does: the copy is level and everything dirty is written out
        before anybody waits. The workers end in order, their socket stays open; the old database is
        stopped and seen to have sent everything before the new one leads. Then the old one goes.

        Returns:
            Seconds by part, of what came before users waited, and of what they waited for.
        """
        before, waited = Laps(), Laps()
        old, new = self._postgres, before.time("copy made", self._make_copy)
        before.time("copy started", new.start)
        before.time("copy caught up", lambda: new.await_level(old))
        for postgres in (old, new):
            before.time(f"checkpoint at port {postgres.port}", postgres.checkpoint)
        waited.time("workers end", self._workers.pause)
        waited.time("old PostgreSQL stops", old.stop)
        waited.time("the copy has it all", lambda: new.await_all_of(old))
        waited.time("pg_ctl promote", new.promote)
        self._postgres, self._copy = new, None
        self._workers.wire(self._env())
        waited.time("new workers start", self._workers.start)
        old.remove()
        return before.parts, waited.parts

    def _make_copy(self) -> Postgres:
        self._moves += 1
        (port,) = set(self._ports) - {self._postgres.port}
        self._copy = self._postgres.copy(self._folder / f"postgres.{self._moves}", port)
        return self._copy

    def dsn(self) -> str:
        return self._postgres.url

    def dsn_wherever(self) -> str:
        """The app's database, also after moves."""
        first, second = self._ports
        one, both = f"127.0.0.1:{self._postgres.port}", f"127.0.0.1:{first},127.0.0.1:{second}"
        return self._postgres.url.replace(one, both) + "?target_session_attrs=read-write"

    def workers(self) -> int:
        return len(self._workers.pids)

    def units(self) -> Mapping[str, Sequence[int]]:
        return {
            "app": self._workers.pids,
            "edge": tree(self._edge.daemon.pid),
            "postgres": tree(self._postgres.pid),
        }

    def close(self) -> None:
        self.down()
        if self._copy is not None:
            self._copy.stop()

    def _start_edge(self) -> None:
        self._edge.start()
        health = self.url + self._app.health
        wait_for(lambda: answers(health), "the edge to answer", daemon=self._edge.daemon)

    def _python(self, *arguments: str) -> None:
        run((str(self._app.python), *arguments), cwd=self._code, env=self._env())

    def _env(self) -> dict[str, str]:
        return {"DATABASE_URL": self._postgres.url, "MEDIA_DIR": str(self._media)}


class Laps:
    """Seconds by part."""

    def __init__(self) -> None:
        self.parts: Parts = {}

    def time(self, part: str, work: Callable[[], T]) -> T:
        """Do it and note how long it took."""
        began = perf_counter()
        found = work()
        self.parts[part] = perf_counter() - began
        return found
