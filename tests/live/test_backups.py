"""Backups of a site that is used: kept, looked at, brought back."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.support import backups, seaweed
from tests.support.backups import at, kept, opened, standing, texts
from tests.support.postgres import wait_for
from tests.support.project import Project
from tests.support.users import Users

from tenfold.backups.seal import new_key

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]
Bring = Callable[[Any], Project]


def add(project: Project, text: str) -> float:
    """A note; gives a moment between its acknowledgement and whatever comes next."""
    assert project.request("POST", "/notes", body=text.encode()).status == 201
    time.sleep(0.3)  # distance on the clock, not a condition
    moment = time.time()
    time.sleep(0.3)
    return moment


def test_back_to_a_moment_beside_what_runs(bring: Bring, workplace: Path) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    moments = {text: add(project, text) for text in ("one", "two", "three")}
    backups.wait_until_recoverable(project, time.time())
    for text, wanted in (("one", ["one"]), ("two", ["one", "two"])):
        into = workplace / f"look-{text}"
        project.ok("db", "restore", "--to", at(moments[text]), "--into", str(into))
        with opened(into / "cluster") as session:
            assert texts(session) == wanted
    into = workplace / "look-latest"
    said = project.ok("db", "restore", "--into", str(into))
    assert "restored in" in said
    with opened(into / "cluster") as session:
        assert texts(session) == ["one", "two", "three"]
    assert project.get("/notes").json() == ["one", "two", "three"]
    again = project.tenfold("db", "restore", "--into", str(into))
    assert again.returncode == 1
    assert "is not empty" in again.stderr


def test_moments_that_cannot_be_reached_are_refused(bring: Bring, workplace: Path) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    into = str(workplace / "look")
    for to, words in (("-20d", "before the first backup"), ("2199-01-01", "yet to come")):
        refused = project.tenfold("db", "restore", "--to", to, "--into", into)
        assert refused.returncode in (1, 2)
        assert words in refused.stderr
        assert not Path(into).exists()
    assert project.get("/notes").status == 200


def test_everything_is_lost_but_the_place(bring: Bring) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    with Users(project, 2) as users:
        wait_for(lambda: bool(users.acknowledged), within=30, subject="the first note")
        first = min(users.acknowledged_at.values())
        wait_for(lambda: time.time() > first + 66, within=90, subject="more than a minute of notes")
        lost_at = time.time()
        with users.harmed_by("the loss of the machine"):
            backups.lose_everything(project)
            users.leave()
    assert project.tenfold("up", "-d", "--last").returncode == 1
    told = json.loads(project.ok("db", "backups", "--json"))
    (archive,) = told["archives"]
    assert lost_at - archive["recoverable_at"] < 60
    project.ok("db", "restore", "--into", "new")
    project.up()
    found = project.get("/notes").json()
    assert len(found) == len(set(found))
    missing = {t: at for t, at in users.acknowledged_at.items() if t not in set(found)}
    old = {t: lost_at - at for t, at in missing.items() if at < lost_at - 60}
    assert not old, "seconds before the loss at which lost notes were acknowledged"
    promised = {t: at for t, at in missing.items() if at < archive["recoverable_at"]}
    assert not promised, "notes of before the moment that was said to be recoverable"
    assert add(project, "after")
    backups.wait_until_recoverable(project, time.time(), within=120)


def test_the_databases_host_alone_is_lost_at_stage_100(bring: Bring) -> None:
    project = bring(kept)
    project.ok("up", "-d", "--stage", "100", "--port", str(project.port), timeout=300)
    backups.wait_for_first(project)
    moment = add(project, "before")
    backups.wait_until_recoverable(project, moment)
    project.ok("down")
    shutil.rmtree(project.path / ".tenfold/hosts/db1")
    project.ok("db", "restore", "--into", "new")
    project.up()
    assert project.get("/notes").json() == ["before"]
    assert (project.path / ".tenfold/hosts/db1/data/postgres/cluster").is_dir()


def test_what_was_brought_back_begins_at_the_stage_where_it_lies(bring: Bring) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    backups.wait_until_recoverable(project, add(project, "before"))
    backups.lose_everything(project)
    project.ok("db", "restore", "--into", "new")
    refused = project.tenfold("up", "-d", "--stage", "100")
    assert refused.returncode == 1
    assert "it is at stage 10" in refused.stderr
    assert "tenfold grow --to 100" in refused.stderr
    project.up()
    assert project.get("/notes").json() == ["before"]


@pytest.fixture(scope="module")
def s3() -> Iterator[seaweed.Seaweed]:
    with seaweed.running(volume_megabytes=256) as server:
        yield server


@pytest.fixture
def in_a_bucket(
    s3: seaweed.Seaweed, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[Path], Project]:
    monkeypatch.setenv("BACKUP_ACCESS_KEY", seaweed.ACCESS)
    monkeypatch.setenv("BACKUP_SECRET_KEY", seaweed.SECRET)
    monkeypatch.setenv("BACKUP_KEY", new_key())

    def make(path: Path) -> Project:
        project = kept(path)
        spec = path / "tenfold.toml"
        head, _, _ = spec.read_text().partition("[database.backup]")
        spec.write_text(
            head + '[storage]\ndirs = ["media"]\n\n[database.backup]\n'
            f'to = "s3://{seaweed.BUCKET}/{request.node.name}"\nendpoint = "{s3.endpoint}"\n'
            'access_key = "${BACKUP_ACCESS_KEY}"\nsecret_key = "${BACKUP_SECRET_KEY}"\n'
            'encryption = "${BACKUP_KEY}"\n'
        )
        project.write("media/picture.txt", "of somebody")
        return project

    return make


def test_in_a_bucket_encrypted_and_tried(
    bring: Bring,
    in_a_bucket: Callable[[Path], Project],
    s3: seaweed.Seaweed,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = bring(in_a_bucket)
    key = os.environ["BACKUP_KEY"]
    project.up()
    backups.wait_for_first(project)
    add(project, "one")
    for name in ("BACKUP_ACCESS_KEY", "BACKUP_SECRET_KEY", "BACKUP_KEY"):
        monkeypatch.delenv(name)  # another shell, another hour
    checked = project.ok("db", "check", timeout=400)
    assert "brings everything back" in checked
    assert standing(project)["checked"]["tables"] >= 1
    said = project.ok("db", "backup")
    assert "user files with it" in said
    into = workplace / "look"
    project.ok("db", "restore", "--into", str(into))
    with opened(into / "cluster") as session:
        assert texts(session) == ["one"]
    assert (into / "storage/media/picture.txt").read_text() == "of somebody"
    _hidden(project, key)
    monkeypatch.setenv("BACKUP_ACCESS_KEY", seaweed.ACCESS)
    monkeypatch.setenv("BACKUP_SECRET_KEY", seaweed.SECRET)
    monkeypatch.setenv("BACKUP_KEY", new_key())
    backups.lose_everything(project)
    wrong = project.tenfold("db", "restore", "--into", "new")
    assert wrong.returncode == 1
    assert "encrypted with another key" in wrong.stderr
    monkeypatch.setenv("BACKUP_KEY", key)
    project.ok("db", "restore", "--into", "new")
    project.up()
    assert project.get("/notes").json() == ["one"]
    assert project.ok("run", "cat", "media/picture.txt").strip() == "of somebody"


def _hidden(project: Project, key: str) -> None:
    """Secrets are in no argument list, and in no file that others may read."""
    for secret in (key, seaweed.SECRET):
        for process in project.processes():
            assert secret not in " ".join(process.cmdline())
        for said in (project.ok("status", "--json"), project.ok("logs")):
            assert secret not in said
        state = project.path / ".tenfold"
        for path in state.rglob("*"):
            if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes():
                assert path.stat().st_mode & 0o077 == 0, path


def test_a_place_that_is_away_is_told_and_writes_go_on(
    bring: Bring, in_a_bucket: Callable[[Path], Project], s3: seaweed.Seaweed
) -> None:
    project = bring(in_a_bucket)
    project.up()
    backups.wait_for_first(project)
    s3.stop()
    try:
        add(project, "meanwhile")
        project.ok("psql", "--as", "superuser", "--", "-c", "select pg_switch_wal()")
        backups.wait_for(
            lambda: bool(standing(project)["problems"]), within=60, subject="a word about it"
        )
        said = project.ok("status")
        assert "nothing arrives there" in said
        assert project.get("/notes").json() == ["meanwhile"]
        began = time.monotonic()
        refused = project.tenfold("db", "backup")
        assert refused.returncode == 1
        assert "the ones before stay" in refused.stderr
        assert time.monotonic() - began < 90
    finally:
        s3.start()
    backups.wait_until_recoverable(project, time.time(), within=180)
    backups.wait_for(
        lambda: standing(project)["problems"] == [], within=180, subject="all to be well again"
    )


def test_a_damaged_file_is_found_and_named(bring: Bring, workplace: Path) -> None:
    project = bring(kept)
    project.up()
    made = backups.wait_for_first(project)["last_backup"]
    place = backups.place_for(project.path)
    (part,) = place.glob(f"*/backups/{made['id']}/base.tar.zst.00000")
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 0xFF
    part.write_bytes(content)
    failed = project.tenfold("db", "check", timeout=400)
    assert failed.returncode == 1
    assert part.name in failed.stderr
    assert "is not what was put there" in failed.stderr
    assert part.name in project.ok("status")
    into = workplace / "look"
    failed = project.tenfold("db", "restore", "--into", str(into))
    assert failed.returncode == 1
    assert part.name in failed.stderr
    assert not into.exists()
    project.ok("db", "backup")
    assert "brings everything back" in project.ok("db", "check", timeout=400)


def test_the_last_write_before_a_stop_is_in_the_archive(bring: Bring) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    add(project, "last words")
    project.ok("down")
    place = backups.place_for(project.path)
    (data,) = (project.path / ".tenfold/hosts").glob("vm1/data/postgres/cluster")
    waiting = list((data / "pg_wal/archive_status").glob("*.ready"))
    assert waiting == []
    assert list(place.glob("*/wal/*/*.zst"))


def test_without_backups_there_is_nothing_to_restore(bring: Bring) -> None:
    from tests.support import apps

    project = bring(apps.diary)
    project.up()
    assert project.status()["backup"] is None
    for command in (("db", "backup"), ("db", "backups"), ("db", "check")):
        refused = project.tenfold(*command)
        assert refused.returncode == 1
        assert "no backups are kept" in refused.stderr


def test_a_site_that_runs_gets_backups_and_is_planned_with_them(bring: Bring) -> None:
    project = bring(kept)
    spec = project.path / "tenfold.toml"
    text = spec.read_text()
    spec.write_text(text.partition("[database.backup]")[0])
    project.up()
    spec.write_text(text)
    planned = project.tenfold("plan")
    assert planned.returncode == 2, planned.stderr
    assert "a copy every 24 h, kept 14 days, not encrypted" in planned.stdout
    with Users(project, 2) as users:
        project.ok("deploy")
    assert users.failures == []
    backups.wait_for_first(project)
    planned = project.tenfold("plan", "--to", "100")
    assert planned.returncode == 2, planned.stderr
    assert "a change of leader leaves no gap" in planned.stdout
    spec.write_text(text.partition("[database.backup]")[0])
    project.ok("deploy")
    assert project.status()["backup"] is None
    command = "select current_setting('archive_command')"
    assert project.ok("psql", "--as", "superuser", "--", "-Atc", command) == "true\n"


def test_the_directory_has_to_be_there(bring: Bring) -> None:
    project = bring(kept)
    backups.place_for(project.path).rmdir()
    refused = project.tenfold("up", "-d", "--port", str(project.port))
    assert refused.returncode == 1
    assert "there is no directory" in refused.stderr


def test_back_in_place_while_users_read_and_what_was_can_be_had_again(bring: Bring) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    moment = add(project, "wanted")
    time.sleep(1)  # a second of its own
    add(project, "not wanted")
    project.ok("psql", "--as", "superuser", "--", "-c", "select pg_switch_wal()")
    backups.wait_until_recoverable(project, moment, within=120)
    with Users(project, 2) as users:
        project.ok("db", "restore", "--to", at(moment), timeout=300)
    assert users.failures == [], "requests waited, and none failed"
    found = project.get("/notes").json()
    assert found[0] == "wanted"
    assert "not wanted" not in found
    status = project.status()
    assert status["restore"]["reached"]
    assert "tenfold reverse" in project.ok("status")
    refused = project.tenfold("grow", "--to", "100")
    assert refused.returncode == 1
    assert "a restore is not complete" in refused.stderr
    project.ok("reverse", timeout=300)
    found = project.get("/notes").json()
    assert found[:2] == ["wanted", "not wanted"]
    project.ok("complete", "--yes", timeout=300)
    assert project.status()["restore"] is None
    assert add(project, "afterwards")
    backups.wait_until_recoverable(project, time.time(), within=120)


def test_a_copy_of_the_history_that_was_given_up_is_not_used(bring: Bring, workplace: Path) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    moment = add(project, "wanted")
    time.sleep(1)  # a second of its own
    add(project, "given up")
    project.ok("db", "backup")
    given_up = standing(project)["last_backup"]["id"]
    backups.wait_until_recoverable(project, moment, within=120)
    project.ok("db", "restore", "--to", at(moment), timeout=300)
    add(project, "since")
    backups.wait_for(
        lambda: standing(project)["last_backup"]["id"] != given_up,
        within=180,
        subject="a copy of the new history, which is made by itself",
    )
    assert "brings everything back" in project.ok("db", "check", timeout=400)
    backups.wait_until_recoverable(project, time.time(), within=120)
    project.ok("db", "restore", "--into", str(workplace / "new"))
    with opened(workplace / "new" / "cluster") as session:
        assert texts(session) == ["wanted", "since"]
    project.ok("reverse", timeout=300)
    back = add(project, "back again")
    backups.wait_until_recoverable(project, back, within=120)
    project.ok("db", "restore", "--into", str(workplace / "old"))
    with opened(workplace / "old" / "cluster") as session:
        assert texts(session) == ["wanted", "given up", "back again"]


def test_a_restore_that_fails_leaves_what_runs(bring: Bring) -> None:
    project = bring(kept)
    project.up()
    made = backups.wait_for_first(project)["last_backup"]
    add(project, "here")
    (part,) = backups.place_for(project.path).glob(f"*/backups/{made['id']}/base.tar.zst.00000")
    part.write_bytes(part.read_bytes()[:-1])
    failed = project.tenfold("db", "restore", timeout=300)
    assert failed.returncode == 1
    assert part.name in failed.stderr
    assert project.get("/notes").json() == ["here"]
    assert project.status()["restore"] is None
    assert project.status()["state"] == "running"


def test_a_copy_that_is_cut_off_is_none_and_another_one_is_made(bring: Bring) -> None:
    project = bring(slow)
    project.up()
    place = backups.place_for(project.path)
    backups.wait_for(
        lambda: standing(project)["copying"], within=60, subject="the first copy to begin"
    )
    (keeper,) = project.units("backup")
    psutil.Process(keeper["pid"]).kill()
    assert not list(place.glob("*/backups/*/backup.json"))
    backups.wait_for_first(project, within=400)
    (found,) = json.loads(project.ok("db", "backups", "--json"))["archives"]
    assert len(found["backups"]) == 1
    assert found["unfinished"] == []


def slow(path: Path) -> Project:
    """Whose copies take some seconds."""
    project = kept(path)
    spec = path / "tenfold.toml"
    spec.write_text(spec.read_text() + '\n[transition]\nmax_copy_rate = "500kB"\n')
    return project
