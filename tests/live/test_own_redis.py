"""A Redis that is the user's own: a real server beside Tenfold, with a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.hosts import Hosts
from tests.support.project import Project
from tests.support.redis import PASSWORD, scene, servers

from tenfold.engines.redis import Redis
from tenfold.targets.local import LocalAgent
from tenfold.topology.process import UnitOrder
from tenfold.topology.settings import RedisSettings

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not servers(), reason="no Redis-compatible server is here"),
]
Bring = Callable[[Any], Project]


@pytest.fixture
def yours(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LocalAgent, str]]:
    """Whoever runs it, and where; its URL is in the shell from which tenfold is called."""
    hosts = Hosts()
    try:
        agent = hosts.up()
        place = f"{agent.paths.address}:6379"
        unit, seen = scene(
            RedisSettings(), agent.paths.root, endpoint=place, program=servers()[0].path
        )
        agent.write(Redis().render(unit, seen))
        agent.start(UnitOrder("redis", "redis", Redis().launch(unit, seen)))
        monkeypatch.setenv("SHOP_REDIS", f"redis://:{PASSWORD}@{place}/0")
        yield agent, place
    finally:
        hosts.close()


def ledger(path: Path) -> Project:
    project = apps.ledger(path)
    spec = path / "tenfold.toml"
    spec.write_text(spec.read_text() + '\n[redis]\nurl = "${SHOP_REDIS}"\n')
    return project


def test_the_app_gets_it_and_tenfold_says_what_it_does_not_do(
    bring: Bring, yours: tuple[LocalAgent, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, place = yours
    project = bring(ledger)
    planned = project.tenfold("plan")
    assert planned.returncode == 2, planned.stderr
    assert "redis: yours, Redis" in planned.stdout or "redis: yours, Valkey" in planned.stdout
    assert f"at {place}" in planned.stdout
    assert "does not back it up, watch it or move it" in planned.stdout
    project.up()
    assert "redis" not in {u["engine"] for u in project.units()}
    monkeypatch.delenv("SHOP_REDIS")  # another shell, another hour
    assert project.ok("run", "sh", "-c", "echo ${REDIS_URL##*@}").strip() == f"{place}/0"
    agent.stop("redis")
    source = project.path / "ledger.py"
    source.write_text(source.read_text().replace('"one"', '"two"'))
    said = project.ok("deploy")
    assert f"your Redis {place} does not answer" in said
    assert project.get("/").json() == {"version": "two"}
    for shown in (planned.stdout, said, project.ok("status", "--json"), project.ok("logs")):
        assert PASSWORD not in shown
    for process in project.processes():
        assert PASSWORD not in " ".join(process.cmdline())


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ('url = "redis://:hunter2@cache.example"', "has a password in it"),
        ('url = "postgresql://cache.example/shop"', "is not a URL of Redis"),
        ('url = "${SHOP_REDIS}"\npolicy = "noeviction"', "leave it out beside url"),
        ('url = "${NOT_SET_ANYWHERE}"', "NOT_SET_ANYWHERE"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(bring: Bring, table: str, why: str) -> None:
    project = bring(apps.ledger)
    spec = project.path / "tenfold.toml"
    spec.write_text(f"{spec.read_text()}\n[redis]\n{table}\n")
    refused = project.tenfold("plan")
    assert refused.returncode in (1, 2)
    assert why in refused.stderr
    assert "tenfold.toml:" in refused.stderr
    assert "hunter2" not in refused.stderr
