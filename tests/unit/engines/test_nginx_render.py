"""The edge's files and launch, beyond what the golden files show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenfold.engines.nginx import Build, Nginx
from tenfold.engines.protocol import Engine, Place, ReleasePlace, Scene
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import Asset, DatabaseSettings, EdgeSettings
from tenfold.wiring.document import Document

UNIT = Unit("edge", "nginx", "h1", EdgeSettings(assets=(Asset("/static", "static"),)))


def scene(unit: Unit = UNIT, **endpoints: str) -> Scene:
    host = Host("h1", cores=4)
    topology = Topology("shop", "10", (host,), (unit,))
    place = Place("/s/config", "/s/data", "/s/run", "/s/logs", "/s/assets", "127.0.0.2",
                  {"nginx": "/bin/nginx"})  # fmt: skip
    known = {"h1/app": "127.0.0.2:9", **{f"h1/{k}": v for k, v in endpoints.items()}}
    return Scene(host, topology, Document("shop", "10", endpoints=known), place)


def config(unit: Unit = UNIT, build: Build | None = None, **endpoints: str) -> str:
    files = Nginx(build or Build()).render(unit, scene(unit, **endpoints))
    return str(files[0].text)


def test_it_is_an_engine() -> None:
    engine: Engine = Nginx()
    assert engine.name == "nginx"


def test_a_release_changes_nothing() -> None:
    """So a deploy neither reloads nor restarts the edge."""
    before, engine = scene(), Nginx()
    place = replace(before.place, release=ReleasePlace("4f2c1d9", "/r", "/r/python", "/r/runtime"))
    after = replace(
        before, place=place, wiring=replace(before.wiring, release="4f2c1d9", version=7)
    )
    assert engine.render(UNIT, before) == engine.render(UNIT, after)
    assert engine.launch(UNIT, before) == engine.launch(UNIT, after)


def test_the_wiring_says_where_it_listens() -> None:
    assert "listen 127.0.0.1:8000;" in config()
    assert "listen 127.0.0.1:40123;" in config(edge="127.0.0.1:40123")
    launch = Nginx().launch(UNIT, scene(edge="0.0.0.0:40123"))
    assert launch.ready.address == "127.0.0.1:40123"


def test_every_file_of_the_configuration_lies_in_its_folder() -> None:
    paths = [file.path for file in Nginx().render(UNIT, scene())]
    assert paths == [f"/s/config/{n}" for n in ("nginx.conf", "mime.types", "error.html",
                                                "error.json")]  # fmt: skip


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_workers(cores: int, workers: int) -> None:
    there = scene()
    files = Nginx().render(UNIT, replace(there, host=replace(there.host, cores=cores)))
    assert f"worker_processes {workers};" in str(files[0].text)


def test_a_held_request_may_wait_and_then_take_its_time() -> None:
    unit = replace(UNIT, settings=EdgeSettings(hold_seconds=20, request_seconds=30))
    assert "proxy_connect_timeout 20s;" in config(unit)
    assert "proxy_read_timeout 50s;" in config(unit)


def test_headers_of_tenfolds_own_are_stripped_by_pattern_or_by_name() -> None:
    assert 'more_clear_input_headers "Tenfold-*";' in config(build=Build(clears_headers=True))
    assert 'proxy_set_header Tenfold-Position "";' in config()


def test_only_edges_are_rendered() -> None:
    unit = Unit("db", "postgresql", "h1", DatabaseSettings("shop"))
    with pytest.raises(TypeError, match="h1/db is no edge"):
        Nginx().render(unit, scene(unit))
