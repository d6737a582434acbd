"""Rendered files, word for word, each also accepted by every nginx here that can relay.

A case is a folder: ``case.toml`` says in one line what it is about and what is rendered; beside it
lies what comes of it. After a change on purpose:
``TENFOLD_GOLDEN=write pytest tests/golden/database_endpoint``, then read the difference.
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

from tenfold.engines.database_endpoint import DatabaseEndpoint, require_stream
from tenfold.engines.nginx import Build, Found
from tenfold.engines.protocol import Place, Scene
from tenfold.errors import Refused
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.process import Launch
from tenfold.topology.settings import DatabaseSettings, EndpointSettings
from tenfold.wiring.document import Document

HERE = Path(__file__).parent
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
        given = self.input.get("build", {"version": [1, 31, 3], "stream": "built in"})
        return Build(**{**given, "version": tuple(given["version"])})

    def scene(self) -> tuple[Unit, Scene]:
        given = self.input
        databases: dict[str, str] = given.get("databases", {"vm1/postgres": "127.0.0.2:5432"})
        unit = Unit("database", "database_endpoint", "vm1", EndpointSettings())
        servers = [
            Unit(path.partition("/")[2], "postgresql", path.partition("/")[0],
                 DatabaseSettings("shop", node=number))
            for number, path in enumerate(databases, 1)
        ]  # fmt: skip
        host = Host("vm1", cores=given.get("cores", 2))
        others = [Host(s.host) for s in servers if s.host != "vm1"]
        root = "/srv/shop/.tenfold/hosts/vm1"
        place = Place(
            config=f"{root}/config/database",
            data=f"{root}/data/database",
            run="/tmp/shop",
            logs=f"{root}/logs",
            assets=f"{root}/assets",
            address="127.0.0.2",
            binaries={"nginx": "/usr/sbin/nginx"},
        )
        endpoints = {"vm1/database": given.get("listen", "127.0.0.2:6432"), **databases}
        topology = Topology("shop", "100", (host, *others), (unit, *servers))
        document = Document("shop", "100", endpoints=endpoints)
        leaders = {"main": given["leader"]} if "leader" in given else {}
        return unit, Scene(host, topology, document, place, leaders=leaders)

    def rendered(self) -> dict[str, str]:
        """What comes of it, by file name."""
        unit, scene = self.scene()
        engine = DatabaseEndpoint(self.build)
        files = {Path(f.path).name: str(f.text) for f in engine.render(unit, scene)}
        return {**files, "launch": launch_text(engine.launch(unit, scene))}


def launch_text(launch: Launch) -> str:
    """A launch as a person reads it."""
    lines = [f"prepare {' '.join(command.argv)}" for command in launch.prepare]
    lines += [f"run     {' '.join(launch.argv)}", f"in      {launch.cwd}"]
    lines += [f"with    {name}={value}" for name, value in launch.env.items()]
    lines += [f"on      {name}" for name in launch.sockets]
    lines.append(f"ready   {' '.join(launch.ready.argv)}")
    lines.append(f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s")
    lines.append(f"reload  {launch.reload}")
    return "\n".join(lines) + "\n"


def test_there_are_cases() -> None:
    assert len(CASES) >= 4


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    rendered, folder = Case(name).rendered(), HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        for file_name, text in rendered.items():
            (folder / file_name).write_text(text)
    kept = {p.name: p.read_text() for p in folder.iterdir() if p.name != "case.toml"}
    assert rendered == kept


@pytest.mark.engine
@pytest.mark.parametrize("found", builds())
@pytest.mark.parametrize("name", CASES)
def test_nginx_accepts_it(name: str, found: Found) -> None:
    """The golden file, or what is rendered for a build that has to load another module."""
    try:
        require_stream(found)
    except Refused as refusal:
        pytest.skip(refusal.what)
    unit, scene = Case(name).scene()
    with nobodys_folder() as folder:
        for file in DatabaseEndpoint(found.build).render(unit, scene):
            (folder / Path(file.path).name).write_text(str(file.text))
        if Case(name).build.stream == found.build.stream:
            (folder / "nginx.conf").write_text((HERE / name / "nginx.conf").read_text())
        said = subprocess.run(
            [found.path, "-e", "stderr", "-p", f"{folder}/data/", "-t", "-c",
             f"{folder}/nginx.conf"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            **as_nobody(),
        )  # fmt: skip
    assert said.returncode == 0, said.stderr
    told = said.stderr.splitlines()
    assert [line for line in told if "syntax is ok" not in line and "successful" not in line] == []
