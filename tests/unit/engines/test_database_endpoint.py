"""The database endpoint beyond what the golden files show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tenfold.engines.database_endpoint import DatabaseEndpoint, require_stream
from tenfold.engines.nginx.binaries import Found
from tenfold.engines.nginx.build import Build, parse_build
from tenfold.engines.protocol import Engine, Place, Scene
from tenfold.errors import Refused
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import DatabaseSettings, EndpointSettings
from tenfold.wiring.document import Document

UNIT = Unit("database", "database_endpoint", "h1", EndpointSettings())
SERVERS = tuple(
    Unit("postgres", "postgresql", f"h{node}", DatabaseSettings("shop", node=node))
    for node in (1, 2)
)
PLACE = Place("/s/config", "/s/data", "/s/run", "/s/logs", "/s/assets", "127.0.0.2",
              {"nginx": "/bin/nginx"})  # fmt: skip


def scene(leader: str | None) -> Scene:
    topology = Topology("shop", "100", (Host("h1"), Host("h2")), (UNIT, *SERVERS))
    endpoints = {
        "h1/database": "127.0.0.2:6432",
        "h1/postgres": "127.0.0.2:5432",
        "h2/postgres": "127.0.0.3:5432",
    }
    leaders = {"main": leader} if leader else {}
    document = Document("shop", "100", endpoints=endpoints)
    return Scene(topology.hosts[0], topology, document, PLACE, leaders=leaders)


def config(at: Scene) -> str:
    return str(DatabaseEndpoint().render(UNIT, at)[0].text)


def test_it_is_an_engine() -> None:
    engine: Engine = DatabaseEndpoint()
    assert engine.name == "database_endpoint"


def test_another_leader_takes_a_reload_and_no_restart() -> None:
    before, after = scene("h1/postgres"), scene("h2/postgres")
    assert "proxy_pass 127.0.0.2:5432;" in config(before)
    assert "proxy_pass 127.0.0.3:5432;" in config(after)
    launch = DatabaseEndpoint().launch(UNIT, before)
    assert launch == DatabaseEndpoint().launch(UNIT, after)
    assert launch.reload == "SIGHUP"


def test_a_follower_that_is_no_leader_is_never_guessed() -> None:
    with pytest.raises(ValueError, match="none is named as its leader"):
        config(scene(None))


def test_a_cluster_with_one_member_needs_no_leader_to_be_named() -> None:
    at = scene(None)
    at = replace(at, topology=replace(at.topology, units=(UNIT, SERVERS[1])))
    assert "proxy_pass 127.0.0.3:5432;" in config(at)


def test_something_else_is_no_endpoint() -> None:
    with pytest.raises(TypeError, match="h1/postgres is no database endpoint"):
        DatabaseEndpoint().render(SERVERS[0], scene("h1/postgres"))


@pytest.mark.parametrize(
    ("told", "stream"),
    [
        ("--with-stream --with-stream_ssl_module", "built in"),
        ("--with-stream_ssl_module --with-stream", "built in"),
        ("--with-stream=dynamic --with-stream_ssl_module", "module"),
        ("--with-stream_ssl_module", "none"),
        ("--with-http_v2_module", "none"),
    ],
)
def test_what_a_build_says_of_relaying(told: str, stream: str) -> None:
    prefix = "nginx version: nginx/1.22.1\nconfigure arguments: --modules-path=/m "
    build = parse_build(prefix + told)
    assert (build.stream, build.modules) == (stream, "/m")


def test_an_nginx_that_cannot_relay_is_refused_with_what_to_install(tmp_path: Path) -> None:
    require_stream(Found("/n", Build(stream="built in")))
    with pytest.raises(Refused, match="no stream module") as refusal:
        require_stream(Found("/n", Build(stream="none")))
    assert "libnginx-mod-stream" in (refusal.value.next or "")
    as_module = Found("/n", Build(stream="module", modules=str(tmp_path)))
    with pytest.raises(Refused):
        require_stream(as_module)
    (tmp_path / "ngx_stream_module.so").touch()
    require_stream(as_module)
