"""The keeper's files, word for word.

After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/backup``, then read the
difference.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.postgres import scene_for

from tenfold.backups.config import from_json
from tenfold.engines.backup import Backup
from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Unit
from tenfold.topology.settings import BackupSettings, DatabaseSettings

HERE = Path(__file__).parent
PROGRAMS = {
    "python": "/opt/tenfold/bin/python",
    **{name: f"/opt/postgresql/bin/{name}" for name in ("postgres", "initdb", "pg_isready")},
}
PASSWORDS = {
    f"main.{role}": Secret(f"password-of-{role}")
    for role in ("superuser", "owner", "app", "replication")
}
KEYS = {
    "backup.access_key": Secret("who-we-are"),
    "backup.secret_key": Secret("what-we-know"),
    "backup.encryption": Secret("AGE-SECRET-KEY-1..."),
}
CASES = {
    "directory": BackupSettings("/mnt/backups/shop", 86_400.0, 14 * 86_400.0),
    "bucket": BackupSettings(
        "s3://my-backups/shop",
        6 * 3600.0,
        30 * 86_400.0,
        endpoint="https://s3.example.org",
        region="eu-central-1",
        encrypted=True,
        storage=("media", "invoices"),
        check_seconds=7 * 86_400.0,
        copy_bytes_per_second=32_000_000,
    ),
}


def scene(name: str) -> tuple[Unit, Unit, Scene]:
    """The keeper, the database and all that rendering looks at."""
    database, found = scene_for(
        DatabaseSettings("shop", archived=True), "/srv/shop", PROGRAMS, passwords=PASSWORDS
    )
    keeper = Unit("backup", "backup", "vm1", CASES[name])
    place = replace(
        found.place,
        config="/srv/shop/config/backup",
        data="/srv/shop/data/backup",
        storage="/srv/shop/storage" if CASES[name].storage else "",
    )
    topology = replace(found.topology, units=(keeper, database))
    secrets = {**PASSWORDS, **(KEYS if CASES[name].encrypted else {})}
    return keeper, database, replace(found, topology=topology, place=place, secrets=secrets)


def rendered(name: str) -> dict[str, str]:
    keeper, _, seen = scene(name)
    files = Backup().render(keeper, seen)
    assert {f.mode for f in files} == {0o600}
    launch = Backup().launch(keeper, seen)
    return {
        **{Path(f.path).name: f.text.reveal() for f in files if isinstance(f.text, Secret)},
        "launch": f"run     {' '.join(launch.argv)}\nready   {' '.join(launch.ready.argv)}\n"
        f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s\n",
    }


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    found, folder = rendered(name), HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        folder.mkdir(exist_ok=True)
        for file_name, text in found.items():
            (folder / file_name).write_text(text)
    assert found == {p.name: p.read_text() for p in folder.iterdir()}


@pytest.mark.parametrize("name", CASES)
def test_the_keeper_reads_what_is_rendered(name: str) -> None:
    config = from_json(json.loads(rendered(name)["keeper.json"]))
    assert config.destination.to == CASES[name].to
    assert config.keep_seconds == CASES[name].keep_seconds


@pytest.mark.parametrize("name", CASES)
def test_a_launch_has_no_secret(name: str) -> None:
    keeper, _, seen = scene(name)
    told = " ".join(Backup().launch(keeper, seen).argv)
    assert not [s for s in seen.secrets.values() if s.reveal() in told]


def test_another_configuration_is_another_launch_because_nothing_is_reread() -> None:
    keeper, _, seen = scene("bucket")
    before = Backup().launch(keeper, seen)
    secrets = {**seen.secrets, "backup.secret_key": Secret("another")}
    assert Backup().launch(keeper, replace(seen, secrets=secrets)) != before


def test_the_server_brings_its_log_to_the_keepers_socket() -> None:
    keeper, database, seen = scene("directory")
    (told,) = (f for f in Backup().render(keeper, seen) if f.path.endswith("keeper.json"))
    assert isinstance(told.text, Secret)
    socket = json.loads(told.text.reveal())["socket"]
    place = replace(seen.place, config="/srv/50 % off/config", data="/srv/shop/data/postgres")
    files = PostgreSQL().render(database, replace(seen, place=place))
    conf = next(str(f.text) for f in files if f.path.endswith("postgresql.conf"))
    (line,) = (x for x in conf.splitlines() if x.startswith("archive_command"))
    script = "''/srv/50 %% off/config/archive.py''"
    wanted = f'/opt/tenfold/bin/python -I -S {script} {socket} "%p"'
    assert line.startswith("archive_command = 's=; [ ! -e standby.signal ] ||")
    assert line.endswith(f" exec {wanted}'")
    assert [f.path for f in files if f.path.endswith("archive.py")] == [
        "/srv/50 % off/config/archive.py"
    ]
