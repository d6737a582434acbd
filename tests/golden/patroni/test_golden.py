"""Rendered files, word for word, each also read by Patroni's own validation and by PostgreSQL; what
they do then is for ``tests/contract/test_patroni.py``.

A case is a folder: ``case.toml`` says in one line what it is about; beside it lies what comes of
it. After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/patroni``, then read the
difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.golden.redis.test_golden import launch_text as plain_launch_text
from tests.support.postgres import installations, unprivileged

from tenfold.engines.etcd.names import AUTHORITY, host_secret
from tenfold.engines.patroni import Patroni
from tenfold.engines.patroni.dynamic import dynamic
from tenfold.engines.patroni.render import excused
from tenfold.engines.postgresql.binaries import Binaries
from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import File, Launch
from tenfold.topology.settings import (
    BackupSettings,
    DatabaseSettings,
    EtcdSettings,
    PatroniSettings,
)
from tenfold.transitions.wire import wiring

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
ROLES = ("superuser", "owner", "app", "replication", "rewind")
PROGRAMS = (
    *("postgres", "patroni", "pg_isready", "python"),
    *("initdb", "pg_basebackup", "pg_controldata", "psql"),
)


def scene(names: list[str], settings: PatroniSettings) -> tuple[Unit, Scene]:
    hosts = [*names, "arbiter"] if len(names) == 2 else names
    units = [Unit("postgres", "patroni", n, replace(settings, node=i)) for i, n in enumerate(names)]
    units += [Unit("etcd", "etcd", n, EtcdSettings()) for n in hosts]
    if settings.archived:
        units += [Unit("backup", "backup", n, BackupSettings("/backups", 60, 600)) for n in names]
    topology = Topology(
        "shop", "1k", tuple(Host(n, z) for n, z in zip(hosts, "abc", strict=True)), tuple(units)
    )
    addresses = {name: f"127.0.0.{number}" for number, name in enumerate(hosts, start=11)}
    places = {name: place(name, address) for name, address in addresses.items()}
    secrets = {f"main.{role}": Secret(f"of-{role}") for role in ROLES}
    secrets |= {AUTHORITY: Secret("AUTHORITY\n"), host_secret("db1"): Secret("CERTIFICATE, KEY\n")}
    document = wiring(topology, addresses, leaders={"main": "db1/postgres"})
    found = Scene(topology.host("db1"), topology, document, places.pop("db1"), secrets)
    return units[0], replace(found, neighbours=places)


def place(host: str, address: str) -> Place:
    return Place(
        config=f"/srv/{host}/config/postgres",
        data=f"/srv/{host}/data/postgres",
        run=f"/run/{host}",
        logs=f"/srv/{host}/logs",
        assets=f"/srv/{host}/assets",
        address=address,
        binaries={name: f"/opt/bin/{name}" for name in PROGRAMS},
    )


def given(name: str) -> tuple[Unit, Scene]:
    told = tomllib.loads((HERE / name / "case.toml").read_text())
    return scene(told["members"], PatroniSettings("shop", **told.get("settings", {})))


def text_of(file: File) -> str:
    text = file.text.reveal() if isinstance(file.text, Secret) else file.text
    return f"# mode {file.mode:o}\n{text}" if file.mode == 0o600 else text


def launch_text(launch: Launch) -> str:
    lines = plain_launch_text(launch).splitlines()
    lines[-2] = f"ready   {' '.join(launch.ready.argv)}"
    return "\n".join(lines) + "\n"


def rendered(name: str) -> dict[str, str]:
    unit, seen = given(name)
    files = Patroni().render(unit, seen)
    texts = {Path(f.path).name: text_of(f) for f in files if not f.path.endswith((".sh", ".py"))}
    return {**texts, "launch": launch_text(Patroni().launch(unit, seen))}


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    found, folder = rendered(name), HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        for file_name, text in found.items():
            (folder / file_name).write_text(text)
    kept = {p.name: p.read_text() for p in folder.iterdir() if p.name != "case.toml"}
    assert found == kept


@pytest.mark.engine
@pytest.mark.parametrize("name", CASES)
def test_patroni_finds_no_fault_in_it(name: str, tmp_path: Path) -> None:
    """But that no etcd runs there, and that what all members share is not in it: etcd has that."""
    file = tmp_path / "patroni.yml"
    text = (HERE / name / "patroni.yml").read_text()
    file.write_text(text.replace('"/opt/bin"', f'"{postgresql().bin_dir}"'))
    told = complaints(file)
    asked = [at for at in told if at.startswith("etcd3.hosts.")]
    assert len(asked) == 3
    assert all(told.pop(at).endswith("is not reachable") for at in asked)
    assert told == {"bootstrap.dcs": "is not defined."}
    file.write_text(file.read_text().replace("verify_client: required", "verify_client: sometimes"))
    assert "restapi.verify_client" in complaints(file), "it sees faults"


def complaints(file: Path) -> dict[str, str]:
    """What ``patroni --validate-config`` has against it, by where that is."""
    command = [sys.executable, "-m", "patroni", "--validate-config", "--ignore-listen-port", file]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (line.strip().partition(" ") for line in (said.stdout + said.stderr).splitlines())
    return {at: what.strip() for at, _, what in lines}


@pytest.mark.engine
@pytest.mark.parametrize("name", CASES)
def test_postgresql_reads_it(name: str) -> None:
    """``postgres -C`` reads the file as a start would, and fails on what it does not know."""
    conf = HERE / name / "server.conf"
    said = subprocess.run(
        [postgresql().bin_dir / "postgres", "-D", "/", "-C", "max_connections",
         "-c", f"config_file={conf}"],
        capture_output=True, text=True, check=False, **unprivileged(),
    )  # fmt: skip
    assert [line for line in said.stderr.splitlines() if "auto.conf" not in line] == []
    assert f"max_connections = {said.stdout.strip()}" in conf.read_text()


def postgresql() -> Binaries:
    """The one whose settings are rendered."""
    found = [one for one in installations() if one.major == DatabaseSettings("shop").major]
    if not found:
        pytest.skip(f"no PostgreSQL {DatabaseSettings('shop').major} on this machine")
    return found[0]


@pytest.mark.parametrize("name", CASES)
def test_a_password_is_in_files_of_its_user_alone_and_in_no_argument(name: str) -> None:
    unit, seen = given(name)
    for file in Patroni().render(unit, seen):
        text = file.text.reveal() if isinstance(file.text, Secret) else file.text
        assert file.mode == 0o600 or not any(f"of-{role}" in text for role in ROLES), file.path
    launch = Patroni().launch(unit, seen)
    words = [*launch.argv, *launch.env.values(), *(w for c in launch.prepare for w in c.argv)]
    assert not any(f"of-{role}" in str(word) for role in ROLES for word in words)


def test_the_server_has_the_configuration_that_it_has_without_patroni() -> None:
    """So one that runs is taken over as it is."""
    unit, seen = scene(["db1", "db2"], PatroniSettings("shop"))
    (server,) = (f for f in Patroni().render(unit, seen) if f.path.endswith("/server.conf"))
    alone = replace(unit, engine="postgresql", settings=DatabaseSettings("shop"))
    topology = Topology("shop", "100", (seen.host,), (alone,))
    plain = PostgreSQL().render(alone, replace(seen, topology=topology))
    (before,) = (f for f in plain if f.path.endswith("/postgresql.conf"))
    assert server.text == before.text


def test_who_leads_changes_nothing_that_is_rendered() -> None:
    unit, seen = scene(["db1", "db2"], PatroniSettings("shop"))
    led = replace(seen, leaders={"main": "db2/postgres"})
    assert Patroni().render(unit, seen) == Patroni().render(unit, led)


def shared(members: int, **settings: Any) -> dict[str, Any]:
    from tenfold.engines.postgresql.sizing import DEDICATED_HOST, sizing

    return dynamic(
        PatroniSettings("shop", **settings),
        sizing(1 << 30, 2, share=DEDICATED_HOST, most_cores=2),
        members,
    )


@pytest.mark.parametrize(("members", "mode"), [(2, True), (3, "quorum")])
def test_a_commit_waits_for_a_follower(members: int, mode: object) -> None:
    assert shared(members)["synchronous_mode"] == mode
    assert shared(members, synchronous=False)["synchronous_mode"] is False


def test_slots_of_those_that_follow_without_being_members_are_kept() -> None:
    assert shared(2, kept_slots=(1,))["slots"] == {"tenfold_1": {"type": "physical"}}


def test_times_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="a lease of 20 s is shorter than 22 s"):
        shared(2, loop_wait_seconds=10, retry_timeout_seconds=6)


def test_of_whom_nobody_waits_for_nothing_but_the_tags_is_different() -> None:
    member, told = given("two-members")
    files = Patroni().render(member, told)
    changed = [
        (text_of(one), text_of(other))
        for one, other in zip(files, excused(files), strict=True)
        if one != other
    ]
    ((before, after),) = changed
    assert after == before.replace("tags: {}\n", "tags:\n  nosync: true\n  nofailover: true\n")
