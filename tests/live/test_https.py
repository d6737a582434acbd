"""Certificates by themselves: a real authority, the real edge, on ports 80 and 443."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.project import Project
from tests.support.town import Town, edge_table, needs_town, settle, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), needs_town]
Bring = Callable[[Any], Project]
SITE = "https://shop.example"
SCHEME = """

@app.get("/scheme")
async def scheme(request: Request):
    return str(request.url)
"""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    try:
        made.build()
        made.lead(**{"shop.example": "127.0.0.1", "www.shop.example": "127.0.0.1"})
        made.open_authority()
        yield made
    finally:
        made.close()


@pytest.fixture
def shop(town: Town, bring: Bring) -> Project:
    """A project whose file asks for certificates."""
    project = bring(apps.diary)
    settle(project, town)
    with (project.path / "tenfold.toml").open("a") as file:
        file.write(edge_table(town))
    with (project.path / "notes.py").open("a") as file:
        file.write(SCHEME)
    return project


def standing(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.ok("certificate", "--json"))
    return found


def issued(project: Project) -> dict[str, Any]:
    """How the certificate stands once an authority has issued it."""
    found: dict[str, Any] = until(
        lambda: not (now := standing(project))["self_signed"] and now, "a certificate is issued"
    )
    return found


def serial(town: Town) -> str:
    found: str = town.ask(f"{SITE}/", trust=town.root)["serial"]
    return found


def nginx(project: Project) -> set[tuple[int, int]]:
    """The edge's processes."""
    return {(p.pid, int(p.create_time() * 100)) for p in project.processes() if "nginx" in p.name()}


def test_from_nothing_to_https_and_through_every_change(town: Town, shop: Project) -> None:
    said = shop.ok("up", "-d")
    assert f"  {SITE}" in said
    found = issued(shop)
    assert set(found["names"]) == {"shop.example", "www.shop.example"}
    assert found["problem"] is None
    until(lambda: not town.ask(f"{SITE}/")["self_signed"], "the edge shows it")
    plain = town.ask("http://shop.example/notes?x=1")
    assert (plain["status"], plain["headers"]["location"]) == (308, f"{SITE}/notes?x=1")
    www = town.ask("https://www.shop.example/x", trust=town.root)
    assert (www["status"], www["headers"]["location"]) == (308, f"{SITE}/x")
    assert town.ask(f"{SITE}/", trust=town.root)["status"] == 200
    assert json.loads(town.ask(f"{SITE}/scheme", trust=town.root)["body"]) == f"{SITE}/scheme"
    assert town.ask("http://evil.example/")["status"] == 421
    assert "certificate from" in shop.ok("status")

    first, orders, edge = serial(town), town.orders(), nginx(shop)
    with town.visitors(SITE, town.root) as noticed:
        shop.ok("certificate", "--renew")
        until(lambda: serial(town) != first, "another certificate is shown")
        second = serial(town)
    assert noticed["failed"] == []
    assert noticed["answered"] > 20
    assert noticed["said"] > 5
    assert nginx(shop) == edge
    assert town.orders() == orders + 1

    # It has become itself again after each order, and the agent has seen no end of it.
    assert [(u["state"], u["restarts"]) for u in shop.units("acme")] == [("running", 0)]
    (shop.path / "notes.py").write_text(
        (shop.path / "notes.py").read_text().replace('VERSION = "one"', 'VERSION = "two"')
    )
    shop.ok("deploy", timeout=200)
    shop.ok("grow", "--to", "100", timeout=200)
    assert serial(town) == second
    assert {u["engine"] for u in shop.units()} >= {"acme", "nginx"}
    shop.ok("reverse", timeout=200)
    shop.ok("down")
    shop.ok("up", "-d")
    assert serial(town) == second
    assert issued(shop)["failures"] == 0
    assert town.orders() == orders + 1, shop.ok("logs", "--unit", "certificates", "--lines", "200")
    assert [(u["state"], u["restarts"]) for u in shop.units("acme")] == [("running", 0)]
    _nothing_is_open(shop)


def _nothing_is_open(project: Project) -> None:
    """Keys are closed files, in no log and on no command line."""
    keys = [p for p in project.path.rglob("*.pem") if "PRIVATE KEY" in p.read_text()]
    assert {p.name.partition("-")[0] for p in keys} == {"site.pem", "account"}
    assert {p.stat().st_mode & 0o777 for p in keys} == {0o600}
    logs = "".join(p.read_text() for p in project.path.glob(".tenfold/hosts/*/logs/*.log"))
    assert "PRIVATE KEY" not in logs


def test_while_the_authority_is_down_the_old_certificate_stays(town: Town, shop: Project) -> None:
    shop.ok("up", "-d")
    issued(shop)
    first = until(lambda: serial(town), "the edge shows it")
    town.close_authority()
    shop.ok("certificate", "--renew")
    failed = until(lambda: (now := standing(shop))["failures"] and now, "it fails")
    assert failed["problem"]["kind"] == "authority"
    assert serial(town) == first
    said = shop.ok("status")
    assert "getting another failed once" in said
    assert "the present certificate stays until then" in said
    assert shop.status()["state"] == "running"

    town.open_authority()
    until(lambda: shop.ok("certificate", "--renew") and standing(shop)["failures"] == 0, "mended")
    until(lambda: serial(town) != first, "another certificate is shown")
    assert "failed" not in shop.ok("status").partition("tls")[2].splitlines()[0]


@pytest.mark.parametrize(
    ("address", "told"), [("", "leads nowhere"), ("127.0.0.9", "somebody else")]
)
def test_a_name_that_does_not_lead_here_is_explained_and_nothing_is_ordered(
    town: Town, shop: Project, address: str, told: str
) -> None:
    town.lead(**{"www.shop.example": address})
    other = subprocess.Popen(
        town.inside([sys.executable, "-m", "http.server", "80", "--bind", "127.0.0.9"]),
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: town.ask("http://x.example/", at="127.0.0.9")["status"], "the other answers")
        shop.ok("up", "-d")
        found = until(lambda: (now := standing(shop))["problem"] and now, "a problem is told")
        assert found["problem"]["kind"] == "name"
        assert told in found["problem"]["what"]
        assert "www.shop.example" in found["problem"]["what"]
        assert town.orders() == 0
        assert town.ask(f"{SITE}/")["self_signed"]
        assert "browsers warn" in shop.ok("status")
        town.lead(**{"www.shop.example": "127.0.0.1"})
        until(lambda: shop.ok("certificate", "--renew") and town.orders() == 1, "it is ordered")
        issued(shop)
    finally:
        other.kill()
        other.wait(10)
