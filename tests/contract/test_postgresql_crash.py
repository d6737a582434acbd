"""PostgreSQL killed, interrupted, out of disk, in its own way: it comes back, or says why."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from tests.support.postgres import ENGINE, Server, made, running, unprivileged, wait_for

from tenfold.engines.postgresql.login import psql
from tenfold.errors import TenfoldError

pytestmark = [pytest.mark.engine, pytest.mark.few(5)]

BACK_WITHIN_SECONDS = 30.0


class Writers:
    """Clients that insert until the server goes; ``acknowledged`` holds what was committed."""

    def __init__(self, server: Server, count: int = 3) -> None:
        self.acknowledged: list[int] = []
        self._server = server
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, number: int) -> None:
        with suppress(psycopg.OperationalError, TenfoldError), self._server.connect("app") as app:
            while True:
                row = app.execute("INSERT INTO ledger DEFAULT VALUES RETURNING id").fetchone()
                assert row is not None
                self.acknowledged.append(int(str(row[0])))

    def join(self) -> None:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a writer did not notice that the server is gone"


@contextmanager
def computing(server: Server) -> Iterator[None]:
    """A query that computes for minutes and looks neither left nor right."""

    def compute() -> None:
        with suppress(psycopg.OperationalError), server.connect("app") as app:
            app.execute("SELECT sum(i * j) FROM generate_series(1, 1000000) i,"
                        " generate_series(1, 1000) j")  # fmt: skip

    thread = threading.Thread(target=compute)
    thread.start()
    active = "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT sum%%'"
    with server.connect("superuser") as superuser:
        wait_for(lambda: superuser.execute(active).fetchone() is not None, within=20,
                 subject="a computing session")  # fmt: skip
    yield
    thread.join(30)
    assert not thread.is_alive()


def test_killed_under_writes_it_comes_back_at_once_and_has_lost_nothing() -> None:
    with running() as server:
        with server.connect("app") as app:
            app.execute("CREATE TABLE ledger (id bigserial PRIMARY KEY)")
        acknowledged: list[int] = []
        for _ in range(10):
            writers = Writers(server)
            wait_for(lambda w=writers: len(w.acknowledged) > 100, within=30, subject="100 writes")
            server.kill()
            began = time.monotonic()
            server.start()
            assert time.monotonic() - began < BACK_WITHIN_SECONDS
            writers.join()
            acknowledged += writers.acknowledged
        with server.connect("app") as app:
            kept = {row[0] for row in app.execute("SELECT id FROM ledger")}
        assert set(acknowledged) <= kept
        assert len(acknowledged) == len(set(acknowledged))


def test_killed_while_a_session_computes_it_does_not_wait_for_that_session() -> None:
    with running() as server, computing(server):
        server.kill()
        assert server.processes(), "the session should have outlived its server"
        began = time.monotonic()
        server.start()
        assert time.monotonic() - began < BACK_WITHIN_SECONDS


def test_a_server_that_runs_is_left_alone() -> None:
    with running() as server:
        before = server.processes()
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            server.run_prepare()
        assert "PostgreSQL runs already in" in refusal.value.output
        # Workers come and go by themselves; the postmaster, the first, and its servants stay.
        assert server.processes()[0] == before[0]
        assert len(set(before) & set(server.processes())) >= len(before) - 1
        with server.connect("app") as app:
            assert app.execute("SELECT 1").fetchone() == (1,)


@contextmanager
def stranger(directory: Path) -> Iterator[int]:
    """A process of the same user that has nothing to do with PostgreSQL."""
    process = subprocess.Popen(["sleep", "600"], cwd=directory, **unprivileged())
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def test_lock_files_whose_pid_now_belongs_to_somebody_else_do_not_keep_it_down() -> None:
    """As after a restart of the machine. The stranger even works in the data directory."""
    with running() as server, stranger(server.data) as pid:
        locks = [
            server.data / "postmaster.pid",
            next(Path(server.scene.place.run).glob(".s.PGSQL.*.lock")),
        ]
        server.kill()
        for lock in locks:
            _, _, rest = lock.read_text().partition("\n")
            lock.write_text(f"{pid}\n{rest}")
        launch = ENGINE.launch(server.unit, server.scene)
        assert server._popen(launch.argv, {}).wait(30) != 0, "PostgreSQL alone should refuse"
        server.start()
        os.kill(pid, 0)
        with server.connect("app") as app:
            assert app.execute("SELECT 1").fetchone() == (1,)


def test_making_the_cluster_may_be_killed_at_any_moment() -> None:
    with made() as server:
        server.write()
        initialise = ENGINE.launch(server.unit, server.scene).prepare[0]
        parts = (".", "base/1", "base/5", "global/pg_control")
        for part in parts:
            attempt = server.begin(initialise)
            wait_for(
                lambda p=part: bool(list(server.data.parent.glob(f"cluster.new.*/{p}"))),
                within=60,
                subject=part,
            )
            os.killpg(attempt.pid, signal.SIGKILL)
            attempt.wait()
            assert not server.data.exists()
        server.start()
        server.prepare()
        assert [p.name for p in server.data.parent.iterdir()] == ["cluster"]


def test_data_whose_deletion_was_cut_off_is_gone_before_new_data_is_made() -> None:
    with made() as server:
        left = server.data.parent.with_name(f"{server.data.parent.name}.removed")
        (left / "cluster").mkdir(parents=True)
        (left / "cluster" / "base").touch()
        for path in (left.parent, left, left / "cluster"):
            server._own(path)
        server.start()
        assert not left.exists()
        assert not server.on_disk().removed


def test_an_attempt_that_outlives_its_caller_does_not_disturb_the_next() -> None:
    """Only the script is killed; its initdb goes on, as an orphan."""
    with made() as server:
        server.write()
        orphan = server.begin(ENGINE.launch(server.unit, server.scene).prepare[0])
        wait_for(
            lambda: bool(list(server.data.parent.glob("cluster.new.*/PG_VERSION"))),
            within=60,
            subject="initdb at work",
        )
        orphan.kill()
        orphan.wait()
        server.start()
        server.prepare()
        with server.connect("superuser") as superuser:
            superuser.execute("CHECKPOINT")
            found = superuser.execute("SELECT count(*) FROM pg_class").fetchone()
        assert found is not None
        server.stop()
        subprocess.run(
            [Path(server.scene.place.binaries["postgres"]).with_name("pg_checksums"),
             "--check", "-D", server.data],
            check=True, stdout=subprocess.DEVNULL, **unprivileged(),
        )  # fmt: skip


def test_two_attempts_at_once_make_one_whole_cluster() -> None:
    with made() as server:
        server.write()
        initialise = ENGINE.launch(server.unit, server.scene).prepare[0]
        attempts = [server.begin(initialise) for _ in range(2)]
        codes = [attempt.wait(120) for attempt in attempts]
        assert 0 in codes
        server.start()
        server.prepare()


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[None]:
    """A file system of this size there, for as long as the block runs. For root only."""
    size = f"size={megabytes}m,mode=0755"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "none", directory], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("a small file system takes the right to mount one")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def test_a_full_disk_fails_the_making_of_a_cluster_by_name_and_leaves_nothing() -> None:
    with made() as server, small_disk(server.data.parent, 20):
        server._own(server.data.parent)
        server.write()
        with pytest.raises(subprocess.CalledProcessError) as failure:
            server.run_prepare()
        assert "No space left on device" in failure.value.output
        assert list(server.data.parent.iterdir()) == []


def test_a_full_disk_fails_writes_and_ends_with_the_cause() -> None:
    with made() as server, small_disk(server.data.parent, 120):
        server._own(server.data.parent)
        server.start()
        server.prepare()
        with server.connect("app") as app:
            app.execute("CREATE TABLE ledger (id bigserial PRIMARY KEY, filling text)")
            app.execute("INSERT INTO ledger (filling) VALUES ('kept')")
        filler = server.data.parent / "filler"
        free = shutil.disk_usage(server.data.parent).free
        filler.write_bytes(b"x" * free)
        with pytest.raises(psycopg.Error), server.connect("app") as app:
            app.execute(
                "INSERT INTO ledger (filling) SELECT repeat(md5(n::text), 250)"
                " FROM generate_series(1, 20000) n"
            )
        assert "No space left on device" in server.log
        filler.unlink()
        if server.process is not None and server.process.poll() is not None:
            server.start()

        def writes() -> bool:
            try:
                with server.connect("app") as app:
                    app.execute("INSERT INTO ledger (filling) VALUES ('after')")
            except (psycopg.OperationalError, TenfoldError):
                return False  # it recovers
            return True

        wait_for(writes, within=30, subject="writes to go on after space was made")
        with server.connect("app") as app:
            rows = app.execute("SELECT filling FROM ledger ORDER BY id").fetchall()
        assert rows == [("kept",), ("after",)]
        server.stop()


def test_a_directory_with_an_awkward_name_is_a_directory() -> None:
    with made(prefix='it\'s [a] "place" * ü ') as server:
        server.start()
        server.prepare()
        server.kill()
        server.start()
        argv, environment = psql(
            server.login("app"),
            server.scene.place.binaries["psql"],
            server.scene.place.config,
            ("-XAtc", "SELECT current_user"),
        )
        said = subprocess.run(
            argv, env=environment, capture_output=True, text=True, check=True, **unprivileged()
        )
        assert said.stdout.strip() == server.settings.app_role


def test_an_installation_without_its_library_says_so() -> None:
    """What a server says that cannot start is in its log, and it ends instead of hanging."""
    with made() as server:
        server.write()
        server.run_prepare()
        conf = Path(server.scene.place.config, "postgresql.conf")
        conf.write_text(conf.read_text().replace("'pg_stat_statements'", "'pg_no_such_library'"))
        process = server._popen(ENGINE.launch(server.unit, server.scene).argv, {})
        assert process.wait(30) != 0
        assert 'could not access file "pg_no_such_library"' in server.log


def test_a_stop_ends_sessions_and_leaves_nothing_to_recover() -> None:
    with running() as server:
        with server.connect("app") as app:
            app.execute("CREATE TABLE ledger (id int)")
            server.stop()
        assert server.processes() == []
        server.start()
        assert "was not properly shut down" not in server.log
