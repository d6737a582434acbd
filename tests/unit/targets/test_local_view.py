"""The private view for real: needs root, who gives its units away to somebody who cannot enter."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.hosts import hosts, sleeper, until
from tests.support.mounts import root_is_mounted

from tenfold.errors import TargetError
from tenfold.secret import Secret
from tenfold.targets.local import LocalAgent, LocalTarget, descent
from tenfold.targets.local.account import Account, account_for
from tenfold.topology.model import Host
from tenfold.topology.process import Command

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root descends to another user"),
    pytest.mark.skipif(not root_is_mounted(), reason="in a chroot nobody has a view of their own"),
]


@pytest.fixture
def closed() -> Iterator[Path]:
    """A directory that only root may enter, under /root or wherever this machine keeps it."""
    place = Path(tempfile.mkdtemp(prefix="tenfold-closed-", dir="/var/tmp"))
    assert place.stat().st_mode & 0o777 == 0o700
    yield place
    shutil.rmtree(place)


def shell(agent: LocalAgent, text: str) -> tuple[int, str]:
    done = agent.run(Command(("sh", "-c", text)))
    return done.code, done.tail


def test_a_project_in_a_closed_directory_runs_and_its_neighbours_stay_closed(closed: Path) -> None:
    state = closed / "app" / ".tenfold"
    state.mkdir(parents=True)
    (closed / "secret").write_text("not for the app")
    (closed / "app" / "own").write_text("the project's")
    with hosts(state=state) as host:
        agent = host.up()
        agent.start(sleeper("a"))
        assert shell(agent, f"cat {closed}/app/own") == (0, "the project's")
        code, said = shell(agent, f"cat {closed}/secret; ls {closed}")
        assert code != 0
        assert "not for the app" not in said
        assert shell(agent, "id -un; id -G") == (0, f"{user()}\n{account().gid}")
        assert (host.root() / "data").stat().st_uid == account().uid
    assert closed.stat().st_mode & 0o777 == 0o700
    assert not [
        line for line in Path("/proc/mounts").read_text().splitlines() if str(closed) in line
    ]


def account() -> Account:
    found = account_for(Path("/"))
    assert found is not None
    return found


def user() -> str:
    return pwd.getpwuid(account().uid).pw_name


def test_what_a_running_view_lacks_is_named_with_the_way_out(closed: Path) -> None:
    """Root never acts inside of what the units' user made, so a view is not extended."""
    (closed / "state").mkdir()
    with hosts(state=closed / "state") as host:
        host.up()
        place = closed / "elsewhere" / "env"
        venv.create(place, symlinks=True, with_pip=False)
        more = type(host.target)(host.state, "test", needs=[place / "bin" / "python"])
        with pytest.raises(TargetError, match="is needed now") as caught:
            more.ensure(Host("vm1"))
        assert "tenfold down" in (caught.value.next or "")
        host.up().shutdown()
        agent = more.ensure(Host("vm1"))
        assert shell(agent, f"{place}/bin/python -c 'print(1)'") == (0, "1")


def test_the_units_user_owns_nothing_that_root_reads_by_name(closed: Path) -> None:
    (closed / "state").mkdir()
    with hosts(state=closed / "state") as host:
        host.up()
        root = host.root()
        for path in (root, root / "host.json", root / "agent.lock"):
            assert path.stat().st_uid == 0, path
        for name in ("agent", "config", "data", "logs", "run"):
            assert (root / name).stat().st_uid == account().uid, name


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_log_that_is_no_log_is_neither_read_nor_waited_for(closed: Path, kind: str) -> None:
    (closed / "state").mkdir()
    with hosts(state=closed / "state") as host:
        host.up()
        trap = host.root() / "logs" / "edge.log"
        trap.symlink_to("/etc/shadow") if kind == "link" else os.mkfifo(trap)
        assert list(host.target.logs("vm1", ["edge"], lines=10, follow=False)) == []


def test_a_successor_has_the_view_too(closed: Path) -> None:
    state = closed / "state"
    state.mkdir()
    with hosts(state=state) as host:
        agent = host.up()
        before = host.agent_pid()
        host.kill(before)
        until(lambda: host.agent_pid() != before, "a successor")
        keeper = host.keeper_pid()
        host.kill(keeper)
        until(lambda: host.has_keeper() and host.keeper_pid() != keeper, "another keeper")
        assert shell(agent, f"test -d {state} && echo here") == (0, "here")


def test_units_run_as_the_projects_owner(tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="tenfold-owned-", dir="/var/tmp"))
    place.chmod(0o755)
    os.chown(place, 1, 1)
    (place / ".tenfold").mkdir()
    try:
        with hosts(state=place / ".tenfold") as host:
            assert shell(host.up(), "id -u; id -g") == (0, "1\n1")
    finally:
        shutil.rmtree(place)


def test_what_a_user_may_not_even_enter_is_named(closed: Path) -> None:
    found = descent._view  # the pure part is tested in tests/unit/agent/test_view.py
    with pytest.raises(TargetError, match=f"who may not enter or read {closed}") as fault:
        found(account(), [str(closed)])
    assert f"chmod o+rx {closed}" in str(fault.value.next)


def test_a_machine_that_lets_nobody_mount_gives_a_way_out(closed: Path) -> None:
    """As in a container without CAP_SYS_ADMIN."""
    state = closed / "state"
    state.mkdir(mode=0o711)
    script = (
        "import sys; from pathlib import Path\n"
        "from tenfold.errors import TargetError\n"
        "from tenfold.targets.local import LocalTarget\n"
        "from tenfold.topology.model import Host\n"
        "try: LocalTarget(Path(sys.argv[1]), 'test').ensure(Host('vm1'))\n"
        "except TargetError as fault: print(fault.what, '|', fault.next)"
    )
    argv = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", sys.executable]
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    done = subprocess.run(
        [*argv, "-c", script, str(state)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "may not enter" in done.stdout
    assert str(closed) in done.stdout
    assert "this machine does not let root mount anything" in done.stdout
    assert "run Tenfold as an ordinary user" in done.stdout


def test_a_program_beside_the_hosts_runs_as_their_user_in_a_view_and_leaves_nothing(
    closed: Path,
) -> None:
    state = closed / "app" / ".tenfold"
    state.mkdir(parents=True)
    (closed / "secret").write_text("not for the app")
    (closed / "app" / "own").write_text("the project's")
    target = LocalTarget(state, "app")
    script = f"id -un; pwd; echo $WHO; cat own; cat {closed}/secret; read line; echo $line"
    command = Command(("/bin/sh", "-c", script), env={"WHO": Secret("me")}, cwd=str(closed / "app"))
    pipe = subprocess.PIPE
    running = target.beside(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    said, complained = running.communicate("told\n", timeout=60)
    assert said.splitlines() == [user(), str(closed / "app"), "me", "the project'stold"]
    assert "not for the app" not in said + complained
    assert not (state / "hosts").exists()


def test_a_program_that_is_not_there_is_told_and_nothing_is_left_behind(closed: Path) -> None:
    state = closed / "app" / ".tenfold"
    state.mkdir(parents=True)
    target = LocalTarget(state, "app", needs=[closed / "app"])
    done = target.beside(Command(("/nowhere/python",), cwd=str(closed / "app")), stderr=-1)
    _, said = done.communicate(timeout=60)
    assert done.returncode == 127
    assert b"/nowhere/python" in said
