"""What goes wrong on a user's machine: each a clear error, nothing half-done."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.venvs import environment

pytestmark = [pytest.mark.live, pytest.mark.timeout(240), pytest.mark.few(2)]
Bring = Callable[[Any], Project]


def refused(project: Project, *arguments: str, code: int = 1) -> str:
    """The command fails with this code and leaves nothing running."""
    done = project.tenfold(*arguments)
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert project.processes() == []
    return said


@pytest.mark.always
def test_a_taken_port_names_its_holder_and_nothing_is_left(bring: Bring) -> None:
    project = bring(apps.notes)
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", project.port))
        holder.listen()
        said = refused(project, "up", "-d", "--port", str(project.port))
        assert f"port {project.port} of 127.0.0.1 is taken by" in said
        assert f"(pid {os.getpid()}, user" in said
    project.up()
    assert project.get("/").status == 200


def test_a_misspelt_key_is_answered_with_its_line_and_the_right_one(bring: Bring) -> None:
    project = bring(apps.notes)
    project.write("tenfold.toml", 'name = "notes"\napp = "notes:app"\n\n[server]\nwokers = 2\n')
    said = refused(project, "up", "-d", code=2)
    assert "tenfold.toml:5" in said
    assert 'did you mean "workers"' in said


def test_a_table_of_a_later_stage_says_when_it_comes(bring: Bring) -> None:
    project = bring(apps.notes)
    project.write("tenfold.toml", 'name = "notes"\napp = "notes:app"\n[services.a]\nroutes=["/"]\n')
    assert "services: comes with stage 100k" in refused(project, "up", "-d", code=2)


def test_no_file_at_all_points_to_init(tmp_path: Path) -> None:
    done = Project(tmp_path).tenfold("up")
    assert done.returncode == 2
    assert "tenfold init" in done.stderr


def test_a_misspelt_command_is_answered_with_the_right_one(tmp_path: Path) -> None:
    done = Project(tmp_path).tenfold("statsu")
    assert done.returncode == 2
    assert '"status"' in done.stderr


def test_a_missing_server_package_is_named_with_the_command_that_installs_it(bring: Bring) -> None:
    project = bring(apps.notes)
    (project.path / ".venv").unlink()
    (project.path / ".venv").symlink_to(environment("empty", ("psycopg[binary]==3.*",)))
    said = refused(project, "up", "-d")
    assert "pip install uvicorn" in said


def test_the_first_release_fails_and_everything_that_was_started_is_stopped(bring: Bring) -> None:
    project = bring(apps.notes)
    good = (project.path / "notes.py").read_text()
    project.write("notes.py", "import nowhere_to_be_found\n")
    said = refused(project, "up", "-d", "--port", str(project.port))
    assert "nowhere_to_be_found" in said
    assert project.status()["state"] == "stopped"
    (project.path / "notes.py").write_text(good)
    project.up()
    assert project.get("/").status == 200


def test_commands_that_need_a_running_app_say_so(bring: Bring) -> None:
    project = bring(apps.notes)
    for arguments in (("deploy",), ("rollback",), ("psql",), ("run", "true")):
        assert "tenfold up" in refused(project, *arguments)


def test_two_commands_at_once_the_second_is_told_about_the_first(bring: Bring) -> None:
    project = bring(apps.notes)
    first = project.start("up", "-d", "--port", str(project.port))
    assert first.stdout
    first.stdout.readline()
    second = project.tenfold("up", "-d")
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert second.returncode == 1
    assert "tenfold up is at work" in second.stderr
    assert f"pid {first.pid}" in second.stderr


def test_a_reservation_keeps_deploys_away_until_it_is_released(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.ok("lock", "acquire", "-m", "moving the office")
    done = project.tenfold("deploy")
    assert done.returncode == 1
    assert "moving the office" in done.stderr
    project.ok("lock", "release")
    project.ok("deploy")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk_is_named_and_nothing_half_done_is_left(workplace: Path) -> None:
    folder = workplace / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    project = apps.notes(folder)
    try:
        said = refused(project, "up", "-d", "--port", str(project.port))
        assert f"no room in {folder}" in said
        assert "bytes are needed" in said
    finally:
        project.close()
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_fills_under_a_running_site_is_named_and_the_site_goes_on(
    workplace: Path,
) -> None:
    folder = workplace / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400m,mode=755", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    project = apps.notes(folder)
    try:
        project.up()
        fill(folder / "filler")
        done = project.tenfold("deploy")
        assert done.returncode == 1
        assert "full" in done.stderr, done.stderr
        assert "What next" in done.stderr
        assert project.get("/").status == 200
        done = project.tenfold("lock", "acquire", "-m", "no room")
        assert "cannot be written" in done.stderr
        assert project.status()["state"] == "running"
        (folder / "filler").unlink()
        project.ok("deploy")
        fill(folder / "filler")
        project.ok("down")
    finally:
        project.close()
        subprocess.run(["umount", str(folder)], check=True)


def fill(path: Path) -> None:
    """To the last byte, and then the last few that others let go."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(bring: Bring) -> None:
    project = bring(apps.notes)
    project.path.chmod(0o555)
    try:
        done = project.tenfold("up", "-d")
        assert done.returncode == 1
        assert f"{project.path}/.tenfold cannot be written" in done.stderr
        assert "What next" in done.stderr
    finally:
        project.path.chmod(0o755)


def test_delete_data_wants_to_be_sure_and_then_deletes(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.request("POST", "/notes", body=b"kept")
    done = project.tenfold("down", "--delete-data")
    assert done.returncode == 1
    assert project.get("/notes").json() == ["kept"]
    project.ok("down", "--delete-data", "--yes")
    assert not (project.path / ".tenfold").exists()
    project.up()
    assert project.get("/notes").json() == []


def test_an_app_in_a_folder_with_spaces_and_umlauts(bring: Bring, workplace: Path) -> None:
    def odd(path: Path) -> Project:
        target = path / "Ärger & Söhne"
        target.mkdir()
        return apps.notes(target)

    project = bring(odd)
    project.up()
    assert project.request("POST", "/notes", body=b"x").status == 201
    assert project.get("/static/app.css").status == 200


def test_an_app_at_the_end_of_a_very_long_path(bring: Bring) -> None:
    def deep(path: Path) -> Project:
        target = path / ("a" * 100) / ("b" * 80)
        target.mkdir(parents=True)
        return apps.notes(target)

    project = bring(deep)
    project.up()
    assert project.get("/").status == 200


def test_down_keeps_the_data_and_up_finds_it(bring: Bring) -> None:
    project = bring(apps.notes)
    project.up()
    project.request("POST", "/notes", body=b"kept")
    project.ok("down")
    assert project.status()["state"] == "stopped"
    assert project.processes() == []
    project.ok("up", "-d")  # the port is remembered
    assert project.get("/notes").json() == ["kept"]


def test_a_moved_project_is_found_where_it_is_now(bring: Bring, workplace: Path) -> None:
    project = bring(apps.notes)
    project.up()
    project.request("POST", "/notes", body=b"kept")
    project.ok("down")
    shutil.move(project.path, workplace / "moved")
    project.path = workplace / "moved"
    project.up()
    assert project.get("/notes").json() == ["kept"]


def test_logs_of_a_first_start_that_failed_are_there_to_read(bring: Bring) -> None:
    project = bring(apps.notes)
    project.write("notes.py", "print('about to fail', flush=True)\nraise RuntimeError('burnt')\n")
    assert project.tenfold("up", "-d", "--port", str(project.port)).returncode == 1
    assert "about to fail" in project.ok("logs", "app")


@pytest.mark.parametrize("name", ["releases", "lock", "hosts"])
def test_a_link_in_the_state_folder_is_refused_and_where_it_leads_is_untouched(
    bring: Bring, workplace: Path, name: str
) -> None:
    """A repository may bring anything along, also under the name of Tenfold's own folder."""
    project = bring(apps.notes)
    precious = workplace / "precious"
    precious.mkdir()
    (precious / "thesis").write_text("years of work")
    (project.path / ".tenfold").mkdir()
    link = project.path / ".tenfold" / name
    link.symlink_to(precious if name != "lock" else precious / "thesis")
    assert str(link) in refused(project, "up", "-d")
    assert (precious / "thesis").read_text() == "years of work"
    link.unlink()


def test_a_state_folder_that_is_a_link_is_refused(bring: Bring, workplace: Path) -> None:
    project = bring(apps.notes)
    elsewhere = workplace / "elsewhere"
    elsewhere.mkdir()
    (project.path / ".tenfold").symlink_to(elsewhere)
    assert "not a directory of its own" in refused(project, "up", "-d")
    assert list(elsewhere.iterdir()) == []
    (project.path / ".tenfold").unlink()
