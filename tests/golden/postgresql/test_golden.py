"""The rendered files, word for word, each also read by PostgreSQL itself.

After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/postgresql``, then read the
difference.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pytest
from tests.support.postgres import follower_scene, installations, scene_for, unprivileged
from tests.support.topologies import one_host

from tenfold.engines.postgresql.render import PostgreSQL
from tenfold.engines.protocol import Scene
from tenfold.secret import Secret
from tenfold.topology.model import Unit
from tenfold.topology.process import Launch
from tenfold.topology.settings import DatabaseSettings

HERE = Path(__file__).parent
GIB = 1 << 30
PROGRAMS = {name: f"/opt/postgresql/bin/{name}" for name in ("postgres", "initdb", "pg_isready")}
PASSWORDS = {
    f"main.{role}": Secret(f"password-of-{role}")
    for role in ("superuser", "owner", "app", "replication")
}


@dataclass(frozen=True)
class Case:
    """What is rendered; ``alone`` gives the database a host of its own.

    With ``part`` the database has a second server, on a host ``db1`` with 16 GiB and 8 cores:
    the ``leader`` on the first host is rendered, or the ``follower`` there.
    """

    major: int
    memory_bytes: int
    cores: int
    alone: bool = False
    part: Literal["", "leader", "follower"] = ""

    def scene(self) -> tuple[Unit, Scene]:
        unit, scene = scene_for(
            DatabaseSettings("shop", major=self.major),
            "/srv/shop",
            PROGRAMS,
            memory_bytes=self.memory_bytes,
            cores=self.cores,
            passwords=PASSWORDS,
        )
        if not self.alone:
            topology = one_host()
            endpoints = {m.path: "127.0.0.1:5432" for m in topology.members()}
            wiring = replace(scene.wiring, endpoints=endpoints)
            scene = replace(scene, topology=topology, wiring=wiring)
        if not self.part:
            return unit, scene
        leader, follower = follower_scene(
            (unit, scene), "/srv/db1", address="127.0.0.3", memory_bytes=16 * GIB, cores=8
        )
        return leader if self.part == "leader" else follower


CASES = {
    "small-host-18": Case(18, 1 * GIB, 1),
    "laptop-18": Case(18, 16 * GIB, 8),
    "own-host-17": Case(17, 64 * GIB, 16, alone=True),
    "small-host-15": Case(15, 2 * GIB, 2),
    "leader-18": Case(18, 1 * GIB, 1, part="leader"),
    "follower-18": Case(18, 1 * GIB, 1, part="follower"),
    "follower-15": Case(15, 64 * GIB, 16, part="follower"),
}


def launch_text(launch: Launch) -> str:
    """A launch as a person reads it; secrets stay masked."""
    lines = []
    for command in launch.prepare:
        lines.append(f"prepare {' '.join(command.argv)}")
        lines += [f"        {name}={value}" for name, value in command.env.items()]
        lines.append(f"        unless {command.creates}") if command.creates else None
    lines.append(f"run     {' '.join(launch.argv)}")
    lines.append(f"ready   {' '.join(launch.ready.argv)}")
    lines.append(f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s")
    lines.append(f"reload  {launch.reload}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_rendered_files_are_as_they_were(name: str) -> None:
    unit, scene = CASES[name].scene()
    rendered = {"launch": launch_text(PostgreSQL().launch(unit, scene))}
    for file in PostgreSQL().render(unit, scene):
        if not file.path.endswith(".sh"):  # constant, and in the source as they are
            text = file.text.reveal() if isinstance(file.text, Secret) else file.text
            rendered[Path(file.path).name] = text
    folder = HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        folder.mkdir(exist_ok=True)
        for file_name, text in rendered.items():
            (folder / file_name).write_text(text)
    assert rendered == {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.engine
@pytest.mark.parametrize("name", CASES)
def test_postgresql_reads_them(name: str) -> None:
    """``postgres -C`` reads the file as a start would, and fails on what it does not know."""
    matching = [b for b in installations() if b.major == CASES[name].major]
    if not matching:
        pytest.skip(f"no PostgreSQL {CASES[name].major} on this machine")
    conf = HERE / name / "postgresql.conf"
    said = subprocess.run(
        [matching[0].bin_dir / "postgres", "-D", "/", "-C", "max_connections",
         "-c", f"config_file={conf}"],
        capture_output=True, text=True, check=False, **unprivileged(),
    )  # fmt: skip
    complaints = [line for line in said.stderr.splitlines() if "auto.conf" not in line]
    assert complaints == []
    assert said.returncode == 0
    assert f"max_connections = {said.stdout.strip()}" in conf.read_text()


@pytest.mark.engine
def test_a_shell_reads_the_scripts(tmp_path: Path) -> None:
    unit, scene = CASES["small-host-18"].scene()
    scripts = [f for f in PostgreSQL().render(unit, scene) if f.path.endswith(".sh")]
    assert len(scripts) == 8
    for script in scripts:
        assert script.mode == 0o755
        (tmp_path / "script").write_text(str(script.text))
        subprocess.run(["/bin/sh", "-n", tmp_path / "script"], check=True)
