from __future__ import annotations

import json

import pytest

from tenfold.engines.metrics.render import Metrics
from tenfold.engines.postgresql.hba import pg_hba_conf
from tenfold.engines.protocol import Place, Scene
from tenfold.secret import Secret
from tenfold.spec.read import parse
from tenfold.stages.facts import AppFacts, Machine
from tenfold.stages.path import ORDER, position
from tenfold.topology.process import Launch
from tenfold.topology.settings import DatabaseSettings
from tenfold.transitions.wire import listens, wiring

SPEC = 'name = "shop"\napp = "shop:app"\n[redis]\n[metrics]\n'
MACHINE, FACTS = Machine(2, 4 << 30), AppFacts("uvicorn", "asgi")
SECRETS = {f"main.{role}": Secret(f"{role}-password") for role in ("app", "monitor")}


def rendered(name: str, text: str = SPEC) -> tuple[str, Launch]:
    wanted = position(name, parse(text), MACHINE, FACTS)
    (member,) = (m for m in wanted.topology.members() if m.engine == "metrics")
    root = "/srv/hosts/vm1"
    paths = f"{root}/config/metrics", f"{root}/data/metrics", "/run", "/logs", "/assets", "::1"
    place = Place(*paths, binaries={"python": "python"})
    document = wiring(
        wanted.topology,
        {h.name: "127.0.0.2" for h in wanted.topology.hosts},
        leaders=wanted.leaders,
    )
    secrets = {**SECRETS, "redis.app": Secret("redis-password")}
    host = wanted.topology.host(member.host)
    scene = Scene(host, wanted.topology, document, place, secrets)
    (file,) = Metrics().render(member, scene)
    assert isinstance(file.text, Secret)
    assert file.mode == 0o600
    return file.text.reveal(), Metrics().launch(member, scene)


@pytest.mark.parametrize("name", ORDER[ORDER.index("10+1") :])
def test_no_move_between_stages_changes_what_it_is_told(name: str) -> None:
    assert rendered(name) == rendered("10")


def test_it_is_told_where_hosts_are_and_no_more_than_it_needs() -> None:
    told = json.loads(rendered("10")[0])
    assert (told["hosts"], told["host"]) == ("/srv/hosts", "vm1")
    assert told["database"]["user"] == "tenfold_monitor"
    assert told["database"]["password"] == "monitor-password"
    assert "app-password" not in rendered("10")[0]


def test_another_port_is_another_launch() -> None:
    other = SPEC.replace("[metrics]", "[metrics]\nport = 9464")
    assert rendered("10", other)[0] == rendered("10")[0]
    assert rendered("10", other)[1] != rendered("10")[1]


def test_it_listens_on_loopback_alone() -> None:
    topology = position("100", parse(SPEC), MACHINE, FACTS).topology
    (socket,) = (s for s in listens(topology, "app1", "127.9.9.9") if s.name == "metrics")
    assert (socket.address, socket.port) == ("127.0.0.1", 0)


def test_who_watches_may_come_to_the_statistics_and_nowhere_else() -> None:
    settings = DatabaseSettings("shop", monitor_role="tenfold_monitor")
    rows = [r.split() for r in pg_hba_conf(settings, ["10.0.0.5/32"]).splitlines() if r[:1] != "#"]
    assert [r[:3] for r in rows if "monitor" in r[2]] == [
        ["local", "postgres", '"tenfold_monitor"'],
        ["host", "postgres", '"tenfold_monitor"'],
    ]
    assert "monitor" not in pg_hba_conf(DatabaseSettings("shop"), ["10.0.0.5/32"])
