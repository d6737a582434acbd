"""A trial of a change of leaders: it measures, and leaves nothing, whatever becomes of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.mounts import root_is_mounted
from tests.support.postgres import (
    NOBODY,
    Server,
    installations,
    made,
    running,
    unprivileged,
    wait_for,
)

from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.trial import parse_trial
from tenfold.errors import Refused
from tenfold.topology.settings import DatabaseSettings

pytestmark = [pytest.mark.engine, pytest.mark.few(2)]

Reached = Callable[[Server], bool]
AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0 or not root_is_mounted() or shutil.which("setpriv") is None,
    reason="mounts a small disk",
)


def folders(server: Server) -> list[Path]:
    return list(server.data.parent.glob("trial.*"))


def at_work(server: Server) -> list[str]:
    """The names of processes in the folder of a trial."""
    beside = str(server.data.parent / "trial.")
    return [n for e in Path("/proc").iterdir() if e.name.isdecimal() and (n := _there(e, beside))]


def _there(entry: Path, beside: str) -> str:
    try:
        there = str((entry / "cwd").readlink()).startswith(beside)
        return (entry / "comm").read_text().strip() if there else ""
    except OSError:
        return ""  # gone meanwhile, or somebody else's


def makes_its_data(server: Server) -> bool:
    return "initdb" in at_work(server)


def serves(server: Server) -> bool:
    return any("ready" in f.read_text() for f in server.data.parent.glob("trial.*/cluster/*.pid"))


def require_nothing_left(server: Server) -> None:
    assert folders(server) == []
    assert at_work(server) == []
    assert list(Path(server.scene.place.run).glob(".s.PGSQL.1")) == []
    assert list(Path(server.scene.place.run).glob(".s.PGSQL.1.*")) == []


def try_it(server: Server) -> None:
    found = parse_trial(server.order(orders.trial))
    assert 0.001 < found.stop_seconds < 20
    assert 0.001 < found.promote_seconds < 20


@contextmanager
def under_way(server: Server, reached: Reached = serves) -> Iterator[subprocess.Popen[bytes]]:
    """A trial that has come so far."""
    process = server.begin(orders.trial(server.unit, server.scene))
    try:
        wait_for(lambda: reached(server), within=30, subject="a trial under way")
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.always
@pytest.mark.parametrize("binaries", installations(), ids=lambda b: f"{b.source}-{b.major}")
def test_it_measures_beside_a_server_that_notices_nothing(binaries: Binaries) -> None:
    with running(DatabaseSettings("shop", major=binaries.major), binaries) as server:
        with server.connect("app") as app:
            app.execute("CREATE TABLE ledger (note text)")
            try_it(server)
            app.execute("INSERT INTO ledger VALUES ('in the same session')")
        require_nothing_left(server)
        assert "received fast shutdown request" not in server.log


@pytest.mark.always
@pytest.mark.parametrize("reached", [makes_its_data, serves])
def test_what_is_left_of_one_that_was_killed_the_next_removes(reached: Reached) -> None:
    with running() as server:
        with under_way(server, reached) as process:
            process.kill()
            process.wait(10)
            assert folders(server)
            assert at_work(server)
            try_it(server)
        require_nothing_left(server)


def test_one_that_is_to_end_leaves_nothing() -> None:
    with running() as server, under_way(server) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
        require_nothing_left(server)


def test_two_at_once_do_not_disturb_each_other() -> None:
    with running() as server, under_way(server) as process:
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(Refused, match="another trial"):
            parse_trial(server.order(orders.trial))
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0, server.log
        require_nothing_left(server)


@AS_ROOT
def test_a_disk_with_little_room_is_left_alone() -> None:
    with made() as server:
        server.write()
        command = orders.trial(server.unit, server.scene)
        on_a_small_disk = (
            'mount -t tmpfs -o size=64m,mode=777 none "$1" && shift'
            f" && exec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups -- "
            '"$@"'
        )
        place = server.scene.place.data
        argv = ("unshare", "-m", "sh", "-c", on_a_small_disk, "sh", place, *command.argv)
        said = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout
        with pytest.raises(Refused, match="less than 256 MiB are free"):
            parse_trial(said)


def test_a_trial_that_fails_says_why_and_leaves_nothing() -> None:
    with made() as server:
        server.write()
        conf = Path(server.scene.place.config) / "postgresql.conf"
        conf.write_text(conf.read_text() + "\nno_such_setting = 1\n")
        command = orders.trial(server.unit, server.scene)
        done = subprocess.run(
            command.argv, capture_output=True, text=True, timeout=60, check=False, **unprivileged()
        )
        assert done.returncode != 0
        assert "no_such_setting" in done.stderr
        require_nothing_left(server)
