from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tenfold.engines.gunicorn.render import Gunicorn
from tenfold.engines.protocol import Engine, Place, ReleasePlace, Scene
from tenfold.engines.uvicorn.render import Uvicorn
from tenfold.secret import Secret
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import AppSettings, EdgeSettings
from tenfold.wiring.document import Database, Document, Redis

APP = AppSettings(entry="main:app", interface="asgi", server="uvicorn", workers=4)
UNIT = Unit("app", "uvicorn", "vm1", APP)
RELEASE = ReleasePlace("r1", "/releases/r1", "/venvs/r1/bin/python", "/runtimes/r1")
PLACE = Place(
    config="/c", data="/d", run="/r", logs="/l", assets="/a", address="127.0.0.2", release=RELEASE
)
DOCUMENT = Document("shop", "10", databases={"main": Database("127.0.0.2", 5432, "shop", "app")})
SCENE = Scene(
    Host("vm1"), Topology("shop", "10", (Host("vm1"),)), DOCUMENT, PLACE, {"main.app": Secret("pw")}
)
ENGINES = pytest.mark.parametrize("engine", [Uvicorn(), Gunicorn()], ids=lambda e: e.name)


def told(engine: Engine) -> dict[str, object]:
    (file,) = engine.render(UNIT, SCENE)
    assert isinstance(file.text, str)
    settings: dict[str, object] = json.loads(file.text)
    return settings


def test_a_unit_of_uvicorn_is_one_worker_a_unit_of_gunicorn_is_all_of_them() -> None:
    assert told(Uvicorn())["workers"] == 1
    assert told(Gunicorn())["workers"] == 4


@ENGINES
def test_members_of_a_pool_do_not_share_files_or_sockets(engine: Engine) -> None:
    one, two = (replace(SCENE, instance=f"app.1.{n}") for n in (0, 1))
    assert {f.path for s in (one, two) for f in engine.render(UNIT, s)} == {
        "/c/app.1.0.json",
        "/c/app.1.1.json",
    }
    assert engine.launch(UNIT, one).control == "/r/app.1.0.sock"
    assert engine.launch(UNIT, two).control == "/r/app.1.1.sock"
    assert engine.launch(UNIT, SCENE).control == "/r/app.sock"


@ENGINES
def test_no_password_is_on_the_command_line_or_in_a_file(engine: Engine) -> None:
    scene = replace(SCENE, secrets={"main.app": Secret("correct-horse")})
    launch = engine.launch(UNIT, scene)
    assert "correct-horse" not in " ".join(launch.argv)
    assert all("correct-horse" not in str(file.text) for file in engine.render(UNIT, scene))
    url = launch.env["DATABASE_URL"]
    assert isinstance(url, Secret)
    assert url.reveal() == "postgresql://app:correct-horse@127.0.0.2:5432/shop"
    assert isinstance(launch.env["TENFOLD_STAGE"], str)


@ENGINES
def test_the_redis_compatible_server_is_in_the_environment_and_nowhere_else(engine: Engine) -> None:
    assert "REDIS_URL" not in engine.launch(UNIT, SCENE).env
    wired = replace(DOCUMENT, redis=Redis("127.0.0.2", 6379))
    secrets = {**SCENE.secrets, "redis.app": Secret("stable/battery")}
    launch = engine.launch(UNIT, replace(SCENE, wiring=wired, secrets=secrets))
    url = launch.env["REDIS_URL"]
    assert isinstance(url, Secret)
    assert url.reveal() == "redis://:stable%2Fbattery@127.0.0.2:6379/0"
    assert "battery" not in " ".join(launch.argv)


@ENGINES
def test_a_missing_password_is_not_papered_over(engine: Engine) -> None:
    with pytest.raises(KeyError, match=r"main\.app"):
        engine.launch(UNIT, replace(SCENE, secrets={}))


@ENGINES
def test_there_is_nothing_to_launch_without_a_release(engine: Engine) -> None:
    scene = replace(SCENE, place=replace(PLACE, release=None))
    with pytest.raises(ValueError, match="no release lies on vm1"):
        engine.render(UNIT, scene)
    with pytest.raises(ValueError, match="no release lies on vm1"):
        engine.launch(UNIT, scene)


@ENGINES
def test_only_apps_are_launched(engine: Engine) -> None:
    with pytest.raises(TypeError, match="vm1/app is not an app"):
        engine.launch(replace(UNIT, settings=EdgeSettings()), SCENE)
