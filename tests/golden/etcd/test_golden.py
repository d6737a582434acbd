"""Rendered files, word for word; that etcd accepts them is for ``tests/contract/test_patroni.py``.

A case is a folder: ``case.toml`` says in one line what it is about; beside it lies what comes of
it. After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/etcd``, then read the
difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.engines.etcd import Etcd
from tenfold.engines.etcd.names import AUTHORITY, host_secret
from tenfold.engines.etcd.render import membership
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Launch
from tenfold.topology.settings import EtcdSettings
from tenfold.transitions.wire import wiring

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
KEY = "CERTIFICATE, KEY\n"


def scene() -> tuple[Unit, Scene]:
    hosts = tuple(
        Host(name, zone) for name, zone in zip(("db1", "db2", "arbiter"), "abc", strict=True)
    )
    units = tuple(Unit("etcd", "etcd", host.name, EtcdSettings()) for host in hosts)
    topology = Topology("shop", "1k", hosts, units)
    addresses = {"db1": "127.0.0.11", "db2": "127.0.0.12", "arbiter": "::1"}
    place = Place(
        config="/srv/db1/config/etcd",
        data="/srv/db1/data/etcd",
        run="/run/db1",
        logs="/srv/db1/logs",
        assets="/srv/db1/assets",
        address="127.0.0.11",
        binaries={"etcd": "/usr/bin/etcd"},
    )
    secrets = {AUTHORITY: Secret("AUTHORITY\n"), host_secret("db1"): Secret(KEY)}
    return units[0], Scene(hosts[0], topology, wiring(topology, addresses), place, secrets)


def launch_text(launch: Launch) -> str:
    lines = [f"prepare {' '.join(command.argv)}" for command in launch.prepare]
    lines += [f"run     {' '.join(launch.argv)}", f"in      {launch.cwd}"]
    lines.append(f"ready   {launch.ready.kind} {launch.ready.address}")
    lines.append(f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s")
    return "\n".join(lines) + "\n"


def rendered() -> dict[str, str]:
    unit, seen = scene()
    texts = {
        Path(f.path).name: f.text.reveal() if isinstance(f.text, Secret) else f.text
        for f in Etcd().render(unit, seen)
        if not f.path.endswith(".sh")
    }
    return {**texts, "launch": launch_text(Etcd().launch(unit, seen))}


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    found, folder = rendered(), HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        for file_name, text in found.items():
            (folder / file_name).write_text(text)
    kept = {p.name: p.read_text() for p in folder.iterdir() if p.name != "case.toml"}
    assert found == kept


def test_the_key_is_in_a_file_of_its_user_alone() -> None:
    unit, seen = scene()
    for file in Etcd().render(unit, seen):
        assert (file.mode == 0o600) == (file.text == Secret(KEY)), file.path


def test_a_newcomer_is_told_whom_it_joins() -> None:
    text = membership(
        {"db3": "https://127.0.0.13:2380", "db1": "https://127.0.0.11:2380"},
        "existing",
        "shop/main",
    )
    assert 'initial-cluster: "db1=https://127.0.0.11:2380,db3=https://127.0.0.13:2380"' in text
    assert "initial-cluster-state: existing" in text
