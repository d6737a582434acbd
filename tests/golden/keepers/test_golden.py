"""What Tenfold itself runs beside the app, and workers, word for word, and read by its own program.

A case is a folder: ``case.toml`` says in one line what it is about, and of which member of a
deployment; beside it lies what comes of it. After a change on purpose:
``TENFOLD_GOLDEN=write pytest tests/golden/keepers``, then read the difference.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

import tenfold.certificates.config as certificates
import tenfold.failover.config as failover
import tenfold.jobs.config as jobs
import tenfold.metrics.config as metrics
from tenfold.engines.acme import Acme
from tenfold.engines.etcd.names import AUTHORITY, host_secret
from tenfold.engines.failover import Failover
from tenfold.engines.jobs import Jobs
from tenfold.engines.metrics import Metrics
from tenfold.engines.protocol import Engine, Place, ReleasePlace, Scene
from tenfold.engines.worker import Worker
from tenfold.secret import Secret
from tenfold.spec.read import parse
from tenfold.stages.facts import AppFacts, Machine
from tenfold.stages.path import position
from tenfold.topology.model import Pool, Unit
from tenfold.topology.process import File, Launch
from tenfold.transitions.wire import wiring

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))
ENGINES: dict[str, Engine] = {
    engine.name: engine for engine in (Acme(), Failover(), Jobs(), Metrics(), Worker())
}
MACHINE, FACTS = Machine(2, 4 << 30), AppFacts("uvicorn", "asgi")
RELEASE = ReleasePlace("4f2c1d9", "/r/app", "/venv/bin/python", "/r/runtime", {"PATH": "/venv/bin"})
SECRETS = {
    **{f"main.{role}": Secret(f"of-{role}") for role in ("owner", "app", "monitor")},
    "redis.app": Secret("of-redis"),
    "edge.acme_ca": Secret("AUTHORITY OF ONE'S OWN\n"),
    "alerts.webhook": Secret("https://hooks.example/of-alerts"),
    AUTHORITY: Secret("AUTHORITY\n"),
}


def scene(name: str) -> tuple[Unit | Pool, Scene]:
    given = tomllib.loads((HERE / name / "case.toml").read_text())
    wanted = position(given["position"], parse(given["spec"]), MACHINE, FACTS)
    member = wanted.topology.member(given["member"])
    hosts = [host.name for host in wanted.topology.hosts]
    addresses = {host: f"127.0.0.{number}" for number, host in enumerate(hosts, 11)}
    root = f"/srv/{member.host}"
    place = Place(
        config=f"{root}/config/{member.name}",
        data=f"{root}/data/{member.name}",
        run=f"/run/{member.host}",
        logs=f"{root}/logs",
        assets=f"{root}/assets",
        address=addresses[member.host],
        binaries={"python": "/opt/tenfold/bin/python", "nginx": "/usr/sbin/nginx"},
        release=RELEASE,
    )
    return member, Scene(
        wanted.topology.host(member.host),
        wanted.topology,
        wiring(wanted.topology, addresses, release=RELEASE.id, leaders=wanted.leaders),
        place,
        {**SECRETS, **{host_secret(host): Secret(f"KEY OF {host}\n") for host in hosts}},
        instance=f"{member.name}.3.1",
        leaders=wanted.leaders,
    )


def text_of(file: File) -> str:
    text = file.text.reveal() if isinstance(file.text, Secret) else file.text
    return f"# mode {file.mode:o}\n{text}"


def launch_text(launch: Launch) -> str:
    """A launch as a person reads it; secrets stay masked."""
    lines = [f"prepare {' '.join(command.argv)}" for command in launch.prepare]
    lines += [f"run     {' '.join(launch.argv)}", f"in      {launch.cwd}"]
    lines += [f"with    {name}={value}" for name, value in launch.env.items()]
    lines += [f"on      {name}" for name in launch.sockets]
    ready = launch.ready
    how = " ".join(ready.argv) if ready.argv else f"{ready.kind} for {ready.steady_seconds:g} s"
    lines.append(f"ready   {how}")
    lines.append(f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s")
    lines.append(f"reload  {launch.reload}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    member, seen = scene(name)
    engine, folder = ENGINES[member.engine], HERE / name
    found = {Path(f.path).name: text_of(f) for f in engine.render(member, seen)}
    found["launch"] = launch_text(engine.launch(member, seen))
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        for file_name, text in found.items():
            (folder / file_name).write_text(text)
    kept = {p.name: p.read_text() for p in folder.iterdir() if p.name != "case.toml"}
    assert found == kept


@pytest.mark.parametrize("name", CASES)
def test_its_own_program_reads_it(name: str, tmp_path: Path) -> None:
    member, seen = scene(name)
    for file in (HERE / name).glob("*.json"):
        copy = tmp_path / file.name
        mode, _, text = file.read_text().partition("\n")
        copy.write_text(text)
        copy.chmod(int(mode.rpartition(" ")[2], 8))
    data = Path(seen.place.data)
    match member.engine:
        case "acme":
            assert certificates.read(tmp_path / "keeper.json").folder == data
        case "metrics":
            assert metrics.read(tmp_path / "metrics.json").data == data
        case "failover":
            told = failover.read(tmp_path / "failover.json")
            assert told.points_to in told.servers
            assert {*told.servers} < {*told.files}
        case "jobs":
            launch = Jobs().launch(member, seen)
            environ = {k: v for k, v in launch.env.items() if isinstance(v, str)}
            assert jobs.read(environ).release == RELEASE.id
            if jobs.TURNS in environ:
                turns = jobs.read_turns({jobs.TURNS: str(tmp_path / "turns.json")})
                assert turns is not None
                assert turns.holder == member.host
        case "worker":
            assert not list(tmp_path.iterdir()), "it has no files"


@pytest.mark.parametrize("name", CASES)
def test_what_is_secret_is_in_files_of_its_user_alone_and_in_no_argument(name: str) -> None:
    member, seen = scene(name)
    engine = ENGINES[member.engine]
    launch = engine.launch(member, seen)
    words = [*launch.argv, *(w for c in launch.prepare for w in c.argv)]
    words += [v for v in launch.env.values() if isinstance(v, str)]
    words += [text_of(f) for f in engine.render(member, seen) if f.mode & 0o077]
    known = [s.reveal() for n, s in seen.secrets.items() if n != "edge.acme_ca"]  # not secret
    assert not [secret for secret in known if any(secret in word for word in words)]
