"""Settings files and launches of the app's servers, word for word; the launcher reads each file.

A case is a folder: ``case.toml`` says in one line what it is about and what is rendered; beside it
lies what comes of it: ``settings.json``, ``launch`` and, for servers behind a door, ``door.conf``.
After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/app_servers``, then read the
difference.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tenfold.engines.command.render import Command
from tenfold.engines.granian.render import Granian
from tenfold.engines.gunicorn.render import Gunicorn
from tenfold.engines.hypercorn.render import Hypercorn
from tenfold.engines.protocol import Engine, Place, ReleasePlace, Scene
from tenfold.engines.uvicorn.render import Uvicorn
from tenfold.runtime import settings as run_settings
from tenfold.secret import Secret
from tenfold.topology.model import Host, Pool, Topology
from tenfold.topology.process import Launch
from tenfold.topology.settings import AppSettings
from tenfold.wiring.document import Database, Document

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (Uvicorn(), Gunicorn(), Hypercorn(), Granian(), Command())
}
DOORED = ("granian", "command")
CONFIG = "/srv/shop/.tenfold/hosts/vm1/config"


def scene(given: dict[str, Any]) -> tuple[Pool, Scene]:
    """The pool and scene of a case."""
    told = dict(given["settings"])
    told["command"] = tuple(told.get("command", ()))
    env = tuple(told.pop("env", {}).items())
    pool = Pool("app", told["server"], "vm1", AppSettings(**told, env=env))
    root = "/srv/shop/.tenfold"
    place = Place(
        config=f"{root}/hosts/vm1/config",
        data=f"{root}/hosts/vm1/data",
        run="/tmp/shop",
        logs=f"{root}/hosts/vm1/logs",
        assets=f"{root}/hosts/vm1/assets",
        address="127.0.0.2",
        binaries={"nginx": "/usr/sbin/nginx"},
        release=ReleasePlace(
            id="4f2c1d9",
            directory=f"{root}/releases/4f2c1d9/app",
            python=f"{root}/releases/4f2c1d9/venv/bin/python",
            runtime=f"{root}/releases/4f2c1d9/runtime",
        ),
    )
    names = given.get("databases", ["main"])
    databases = {n: Database("127.0.0.2", 5432, "shop", "tenfold_app") for n in names}
    document = Document(
        app="shop", stage="10", release="4f2c1d9", url="http://127.0.0.1:8000", databases=databases
    )
    return pool, Scene(
        host=Host("vm1"),
        topology=Topology("shop", "10", (Host("vm1"),), pools=(pool,)),
        wiring=document,
        place=place,
        secrets={f"{name}.app": Secret(f"hush-{name}/1") for name in names},
        instance="app.3.1",
        variables={"LICENCE": Secret("hush-licence"), **given.get("variables", {})},
    )


def described(launch: Launch) -> str:
    """A launch as text; secrets show as such."""
    lines = [f"argv     {' '.join(launch.argv)}", f"cwd      {launch.cwd}"]
    lines += [f"env      {name}={value}" for name, value in launch.env.items()]
    lines += [f"sockets  {' '.join(launch.sockets)}", f"control  {launch.control}"]
    lines += [f"ready    {launch.ready}", f"stop     {launch.stop}", ""]
    return "\n".join(lines)


@pytest.mark.parametrize("name", CASES)
def test_rendered(name: str) -> None:
    given = tomllib.loads((HERE / name / "case.toml").read_text())
    pool, made = scene(given)
    engine = ENGINES[pool.engine]
    *door, file = engine.render(pool, made)
    assert (file.path, file.mode) == (f"{CONFIG}/app.3.1.json", 0o600)
    assert [f.path for f in door] == [f"{CONFIG}/app.3.1.door.conf"] * (pool.engine in DOORED)
    results = {"settings.json": str(file.text), "launch": described(engine.launch(pool, made))}
    if door:
        results["door.conf"] = str(door[0].text)
    for result, text in results.items():
        expected = HERE / name / result
        if os.environ.get("TENFOLD_GOLDEN") == "write":
            expected.write_text(text)
        assert text == expected.read_text()


@pytest.mark.parametrize("name", CASES)
def test_the_launcher_reads_it(name: str, tmp_path: Path) -> None:
    pool, made = scene(tomllib.loads((HERE / name / "case.toml").read_text()))
    *_, file = ENGINES[pool.engine].render(pool, made)
    path = tmp_path / "settings.json"
    path.write_text(str(file.text))
    settings = run_settings.read(str(path))
    assert settings.to_json() == file.text
    server = "command" if pool.engine in DOORED else pool.engine
    assert (settings.server, settings.release) == (server, "4f2c1d9")


@pytest.mark.parametrize("name", CASES)
def test_no_secret_is_in_sight(name: str) -> None:
    pool, made = scene(tomllib.loads((HERE / name / "case.toml").read_text()))
    engine = ENGINES[pool.engine]
    launch = engine.launch(pool, made)
    assert "hush" not in f"{launch} {engine.render(pool, made)}"
    revealed = [v.reveal() for v in launch.env.values() if isinstance(v, Secret)]
    assert "hush-licence" in revealed
    if made.wiring.databases:
        url = "postgresql://tenfold_app:hush-main%2F1@127.0.0.2:5432/shop"
        assert url in revealed
