"""Rendered files, word for word, each also accepted by every nginx that this machine has.

A case is a folder: ``case.toml`` says in one line what it is about and what is rendered; beside it
lies what comes of it: ``nginx.conf`` and ``launch``, or ``error``. After a change on purpose:
``TENFOLD_GOLDEN=write pytest tests/golden/nginx``, then read the difference.
"""

from __future__ import annotations

import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support.edge import as_nobody, builds, nobodys_folder

from tenfold.engines.nginx import Build, Found, Nginx
from tenfold.engines.protocol import Place, Scene
from tenfold.errors import UsageError
from tenfold.secret import Secret
from tenfold.topology.model import Host, Pool, Topology, Unit
from tenfold.topology.process import File, Launch
from tenfold.topology.settings import AppSettings, Asset, EdgeSettings, Redirect, Tls
from tenfold.wiring.document import Document

HERE = Path(__file__).parent
# A key and a certificate of nobody, made for these files alone; valid until 2126.
PEM = (HERE / "nobody.pem").read_text()
SECRETS = {
    "edge.salt": Secret("a salt for tests"),
    "edge.user.anna": Secret("open sesame"),
    "edge.user.ben@example.org": Secret("pässword"),
    "edge.certificate": Secret(PEM),
}
APP = AppSettings("shop:app", "asgi", "uvicorn")
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))


@dataclass(frozen=True)
class Case:
    """One folder."""

    name: str

    @property
    def input(self) -> dict[str, Any]:
        return tomllib.loads((HERE / self.name / "case.toml").read_text())

    @property
    def build(self) -> Build:
        given = self.input.get("build", {"version": [1, 31, 3], "clears_headers": True})
        return Build(tuple(given["version"]), given.get("clears_headers", False))

    def scene(self) -> tuple[Unit, Scene]:
        given = self.input
        told = dict(given.get("settings", {}))
        assets = tuple(Asset(**a) for a in told.pop("assets", []))
        stored = tuple(Asset(**a) for a in told.pop("stored", []))
        told["names"] = tuple(told.get("names", ()))
        told["aliases"] = tuple(map(tuple, told.get("aliases", ())))
        told["users"] = tuple(told.get("users", ()))
        told["redirects"] = tuple(Redirect(**r) for r in told.get("redirects", ()))
        told["tls"] = Tls(**told["tls"]) if "tls" in told else None
        if told.pop("no_upstream", False):
            told["upstream"] = None
        settings = EdgeSettings(**told, assets=assets, stored=stored)
        unit = Unit("edge", "nginx", "vm1", settings)
        host = Host("vm1", cores=given.get("cores", 2))
        root = given.get("root", "/srv/shop/.tenfold/hosts/vm1")
        place = Place(
            config=f"{root}/config/edge",
            data=f"{root}/data/edge",
            run="/tmp/shop",
            logs=f"{root}/logs",
            assets=f"{root}/assets",
            address="127.0.0.2",
            binaries={"nginx": "/usr/sbin/nginx", "python": "/opt/tenfold/bin/python"},
            storage=f"{root.removesuffix('/hosts/vm1')}/storage",
            pages=f"{root}/pages",
        )
        endpoints = {"vm1/app": given.get("upstream", "127.0.0.2:8000")}
        others = given.get("others", [])
        hosts = [Host(f"vm{n}", o.get("zone", "b")) for n, o in enumerate(others, 2)]
        endpoints |= {f"{h.name}/app": o["app"] for h, o in zip(hosts, others, strict=True)}
        endpoints |= {f"{h.name}/edge": o["edge"] for h, o in zip(hosts, others, strict=True)}
        edges = [Unit("edge", "nginx", h.name, settings) for h in hosts]
        document = Document("shop", "10", endpoints=endpoints)
        pools = tuple(Pool("app", "uvicorn", h.name, APP) for h in (host, *hosts))
        topology = Topology("shop", "10", (host, *hosts), (unit, *edges), pools)
        return unit, Scene(host, topology, document, place, secrets=SECRETS)

    def rendered(self) -> dict[str, str]:
        """What comes of it, by file name."""
        unit, scene = self.scene()
        engine = Nginx(self.build)
        try:
            files = {Path(f.path).name: _shown(f) for f in engine.render(unit, scene)}
        except UsageError as error:
            return {"error": f"{error.what}\nWhat next  {error.next}\n"}
        launch = launch_text(engine.launch(unit, scene))
        more = {name: files[name] for name in ("users", "certificate.pem") if name in files}
        return {"nginx.conf": files["nginx.conf"], "launch": launch, **more}


def _shown(file: File) -> str:
    """A file as it is kept here: nothing of a secret but how it is written."""
    text = str(file.text)
    return text if file.mode == 0o644 else f"mode {file.mode:o}\n{text}\n"


def _plain(text: str | Secret) -> str:
    return text.reveal() if isinstance(text, Secret) else text


def _write(folder: Path, name: str, text: str, scene: Scene) -> None:
    """A file as the host has it, in a folder of the test; what it names lies there too."""
    path = folder / name
    path.write_text(text.replace(f'"{scene.place.config}/', f'"{folder}/'))
    path.chmod(0o644)


def launch_text(launch: Launch) -> str:
    """A launch as a person reads it."""
    lines = [f"prepare {' '.join(command.argv)}" for command in launch.prepare]
    lines += [f"run     {' '.join(launch.argv)}", f"in      {launch.cwd}"]
    lines += [f"with    {name}={value}" for name, value in launch.env.items()]
    lines += [f"on      {name}" for name in launch.sockets]
    lines.append(f"ready   GET http://{launch.ready.address}{launch.ready.path}")
    lines.append(f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s")
    lines.append(f"reload  {launch.reload}")
    return "\n".join(lines) + "\n"


def test_there_are_cases() -> None:
    assert len(CASES) > 10


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    rendered, folder = Case(name).rendered(), HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        for path in folder.iterdir():
            if path.name != "case.toml":
                path.unlink()
        for file_name, text in rendered.items():
            (folder / file_name).write_text(text)
    kept = {p.name: p.read_text() for p in folder.iterdir() if p.name != "case.toml"}
    assert rendered == kept


@pytest.mark.engine
@pytest.mark.parametrize("found", builds())
@pytest.mark.parametrize("name", [n for n in CASES if (HERE / n / "nginx.conf").exists()])
def test_nginx_accepts_it(name: str, found: Found) -> None:
    """The golden file; by a build too old for it, what is rendered for that build instead."""
    case = Case(name)
    unit, scene = case.scene()
    wanted, has = case.build, found.build
    suits = has.version >= wanted.version and has.clears_headers >= wanted.clears_headers
    if "tls" in case.input.get("settings", {}):
        suits &= has.mixes_http2 == wanted.mixes_http2  # it is asked for in another way
    with nobodys_folder() as folder:
        for file in Nginx(wanted if suits else has).render(unit, scene):
            _write(folder, Path(file.path).name, _plain(file.text), scene)
        if suits:
            _write(folder, "nginx.conf", (HERE / name / "nginx.conf").read_text(), scene)
        argv = [found.path, "-e", "stderr", "-p", f"{folder}/data/"]
        said = subprocess.run(
            [*argv, "-t", "-c", f"{folder}/nginx.conf"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            **as_nobody(),
        )
    assert said.returncode == 0, said.stderr
    told = said.stderr.splitlines()
    assert [line for line in told if "syntax is ok" not in line and "successful" not in line] == []
