"""What the failover keeper is told, and that who leads does not start it anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenfold.engines.failover import Failover
from tenfold.engines.protocol import Place, Scene
from tenfold.failover.config import read
from tenfold.secret import Secret
from tenfold.topology.databases import NOBODY
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.settings import (
    AppSettings,
    DatabaseSettings,
    EndpointSettings,
    FailoverSettings,
    WorkerSettings,
)
from tenfold.wiring.document import Document

UNIT = Unit("failover", "failover", "app1", FailoverSettings(hold_seconds=30.0))
ROOT = "/srv/shop/.tenfold/hosts/app1"
APP = AppSettings("shop:app", "asgi", "uvicorn")


def scene(leads: str = "db1/postgres") -> Scene:
    topology = Topology(
        "shop",
        "1k",
        hosts=tuple(map(Host, ("app1", "app2", "db1", "db2"))),
        units=(
            UNIT,
            Unit("database", "database_endpoint", "app1", EndpointSettings()),
            Unit("postgres", "postgresql", "db1", DatabaseSettings("shop", node=2)),
            Unit("postgres", "postgresql", "db2", DatabaseSettings("shop", node=3)),
        ),
        pools=(
            Pool("app", "uvicorn", "app1", APP),
            Pool("mail", "worker", "app1", WorkerSettings("celery")),
            Pool("other", "uvicorn", "app2", APP),
        ),
    )
    endpoints = {
        "app1/database": "127.0.0.2:5433",
        "db1/postgres": "127.0.0.3:5432",
        "db2/postgres": "127.0.0.4:5432",
    }
    place = Place(
        f"{ROOT}/config/failover", f"{ROOT}/data/failover", "/run/shop", f"{ROOT}/logs",
        f"{ROOT}/assets", "127.0.0.2", {"nginx": "/usr/sbin/nginx", "python": "/usr/bin/python3"},
    )  # fmt: skip
    return Scene(
        Host("app1"),
        topology,
        Document("shop", "1k", endpoints=endpoints),
        place,
        {"main.app": Secret("open sesame")},
        leaders={"main": leads},
    )


def told(leads: str = "db1/postgres") -> dict[str, Any]:
    (file,) = Failover().render(UNIT, scene(leads))
    assert isinstance(file.text, Secret)
    assert file.mode == 0o600
    found: dict[str, Any] = json.loads(file.text.reveal())
    return found


def test_it_has_the_endpoints_file_for_each_server_that_may_lead() -> None:
    files = told()["files"]
    assert set(files) == {"db1/postgres", "db2/postgres", NOBODY}
    assert {file["path"] for file in files.values()} == {f"{ROOT}/config/database/nginx.conf"}
    assert "proxy_pass 127.0.0.3:5432;" in files["db1/postgres"]["text"]
    assert "proxy_pass 127.0.0.4:5432;" in files["db2/postgres"]["text"]
    assert f"proxy_pass unix:{ROOT}/data/database/nobody.sock;" in files[NOBODY]["text"]


def test_requests_of_its_own_hosts_apps_wait() -> None:
    assert told()["pools"] == ["app"]


def test_who_leads_is_told_and_starts_nobody_anew() -> None:
    assert (told("db1/postgres")["points_to"], told("db2/postgres")["points_to"]) == (
        "db1/postgres",
        "db2/postgres",
    )
    launches = [Failover().launch(UNIT, scene(leads)) for leads in ("db1/postgres", "db2/postgres")]
    assert launches[0] == launches[1]
    moved = scene()
    endpoints = {**moved.wiring.endpoints, "db2/postgres": "127.0.0.9:5432"}
    moved = replace(moved, wiring=replace(moved.wiring, endpoints=endpoints))
    assert Failover().launch(UNIT, moved) != launches[0]


def test_no_password_is_in_the_launch() -> None:
    assert "sesame" not in repr(Failover().launch(UNIT, scene()))


def test_the_keeper_reads_what_is_rendered(tmp_path: Path) -> None:
    (file,) = Failover().render(UNIT, scene())
    assert isinstance(file.text, Secret)
    (tmp_path / "failover.json").write_text(file.text.reveal())
    config = read(tmp_path / "failover.json")
    assert config.socket == Path("/run/shop/agent.sock")
    assert config.through_endpoint.port == 5433
    assert config.servers["db2/postgres"].password.reveal() == "open sesame"
    assert config.limits.hold_seconds == 30.0
    assert "sesame" not in repr(config)


def test_a_host_without_an_endpoint_is_refused() -> None:
    unit = replace(UNIT, settings=FailoverSettings(endpoint="elsewhere"))
    with pytest.raises(KeyError):
        Failover().render(unit, scene())
