"""The keeper with real authorities, Caddy's and Pebble, and the real edge between them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.edge import builds
from tests.support.pebble import Pebble
from tests.support.town import Town, needs_town, until

from tenfold.engines.nginx import Found, Nginx
from tenfold.engines.protocol import Place, Scene
from tenfold.topology.model import Host, Topology, Unit
from tenfold.topology.settings import EdgeSettings, Tls
from tenfold.wiring.document import Document

pytestmark = [pytest.mark.engine, pytest.mark.timeout(200), needs_town]
needs_pebble = pytest.mark.skipif(shutil.which("pebble") is None, reason="no pebble on PATH")
NAMES = ("shop.example", "www.shop.example")
SITE = "https://shop.example/.tenfold/edge"


@dataclass
class Shop:
    """An edge on ports 80 and 443 of a town, and the keeper of its certificate."""

    town: Town
    folder: Path
    found: Found
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.folder / "data" / "certificates"

    def serve(self) -> None:
        """nginx as somebody starts it by hand from the rendered files."""
        settings = EdgeSettings(port=80, names=NAMES, tls=Tls(443, certificates="certificates"))
        unit, host = Unit("edge", "nginx", "h1", settings), Host("h1")
        place = Place(
            config=f"{self.folder}/config",
            data=f"{self.folder}/data/edge",
            run=f"{self.folder}/run",
            logs=f"{self.folder}/logs",
            assets=f"{self.folder}/assets",
            address="127.0.0.1",
            binaries={"nginx": self.found.path, "python": sys.executable},
        )
        endpoints = {"h1/app": "127.0.0.1:8000"}
        document = Document("shop", "10", endpoints=endpoints)
        scene = Scene(host, Topology("shop", "10", (host,), (unit,)), document, place)
        engine = Nginx(self.found.build)
        for file in engine.render(unit, scene):
            path = Path(file.path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(file.text))
        launch = engine.launch(unit, scene)
        for command in launch.prepare:
            subprocess.run(command.argv, check=True)
        # Here nginx is root, and its workers shall be what they are everywhere: whoever it is.
        self._start([*launch.argv, "-g", "user root root;"], "edge.log")
        until(lambda: self.town.ask("http://shop.example/")["status"] == 308, "the edge answers")

    def keep(self, directory: str, roots: Path | None) -> subprocess.Popen[bytes]:
        """The keeper, as an agent starts it."""
        told = {
            "names": NAMES,
            "directory": directory,
            "email": "",
            "roots": str(roots or ""),
            "folder": str(self.data),
        }
        (self.folder / "keeper.json").write_text(json.dumps(told))
        (self.data / "ready").unlink(missing_ok=True)
        argv = [sys.executable, "-I", "-m", "tenfold.certificates", "keep"]
        process = self._start([*argv, str(self.folder / "keeper.json")], "keeper.log")
        until((self.data / "ready").exists, "the keeper is ready")
        return process

    def _start(self, argv: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            process = subprocess.Popen(
                self.town.inside(argv), stdout=output, stderr=output, start_new_session=True
            )
        self.processes.append(process)
        return process

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "state.json").read_text())
        return found

    @property
    def said(self) -> str:
        return (self.folder / "keeper.log").read_text()

    def close(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):  # a test has killed it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    try:
        made.build()
        made.lead(**dict.fromkeys(NAMES, "127.0.0.1"))
        yield made
    finally:
        made.close()


@pytest.fixture
def shop(town: Town, tmp_path: Path) -> Iterator[Shop]:
    (found,) = [p.values[0] for p in builds()[:1]]
    made = Shop(town, tmp_path / "h1", found)
    made.folder.mkdir()
    try:
        made.serve()
        yield made
    finally:
        made.close()


@pytest.fixture
def pebble(town: Town, tmp_path: Path) -> Iterator[Callable[..., Pebble]]:
    opened: list[Pebble] = []

    def start(**options: Any) -> Pebble:
        made = Pebble(town, tmp_path / "pebble", **options)
        opened.append(made)
        made.open()
        return made

    yield start
    for made in opened:
        made.close()


def issued(shop: Shop) -> dict[str, Any]:
    found: dict[str, Any] = until(
        lambda: (now := shop.state)["authority"] and not now["failures"] and now, "it is issued"
    )
    return found


def orders_and_renews(shop: Shop, directory: str, roots: Path, orders: Callable[[], int]) -> None:
    assert shop.town.ask(SITE)["self_signed"]
    process = shop.keep(directory, roots)
    first = issued(shop)
    until(lambda: shop.town.ask(SITE)["serial"] == first["serial"], "the edge shows it")
    assert set(first["names"]) == set(NAMES)
    key = (shop.data / "site.pem").read_text().partition("-----BEGIN CERT")[0]
    account = next(shop.data.glob("account-*.pem")).read_text()
    os.kill(process.pid, signal.SIGHUP)
    until(lambda: shop.state["serial"] != first["serial"], "another one is issued")
    second = issued(shop)
    until(lambda: shop.town.ask(SITE)["serial"] == second["serial"], "the edge shows it")
    assert (shop.data / "site.pem").read_text().startswith(key)
    assert next(shop.data.glob("account-*.pem")).read_text() == account
    assert orders() == 2
    assert list((shop.data / "public" / ".well-known" / "acme-challenge").iterdir()) == []
    assert process.poll() is None
    closed = {p.name: p.stat().st_mode & 0o777 for p in shop.data.iterdir() if p.suffix == ".pem"}
    assert set(closed.values()) == {0o600}


def test_caddys_authority(shop: Shop) -> None:
    shop.town.open_authority()
    orders_and_renews(shop, shop.town.directory, shop.town.root, shop.town.orders)


@needs_pebble
def test_pebble_which_refuses_and_forgets_on_purpose(
    shop: Shop, pebble: Callable[..., Pebble]
) -> None:
    authority = pebble()
    orders_and_renews(shop, authority.directory, authority.root, authority.orders)


@needs_pebble
def test_a_proof_that_is_not_found_is_told_and_not_tried_in_a_loop(
    shop: Shop, pebble: Callable[..., Pebble]
) -> None:
    authority = pebble(http_port=81)  # where nobody listens
    shop.keep(authority.directory, authority.root)
    until(lambda: shop.state["fault"].get("kind") == "refused", "it is refused")
    assert "could not see that the site is here" in shop.state["fault"]["what"]
    assert "port 80" in shop.state["fault"]["next"]
    assert shop.town.ask(SITE)["self_signed"]
    os.kill(shop.processes[-1].pid, signal.SIGHUP)
    until(
        lambda: (now := shop.state)["failures"] == 2 and not now["trying"],
        "a person has it tried again",
    )
    assert authority.orders() == 2


@needs_pebble
def test_killed_in_the_middle_of_an_order_it_does_not_order_again_at_once(
    shop: Shop, pebble: Callable[..., Pebble]
) -> None:
    authority = pebble(slow=True)
    process = shop.keep(authority.directory, authority.root)
    until(lambda: authority.orders() == 1, "it orders")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)
    shop.keep(authority.directory, authority.root)
    assert shop.state["failures"] == 1
    assert shop.state["fault"]["what"] == "an attempt was cut off"
    assert list((shop.data / "public" / ".well-known" / "acme-challenge").iterdir()) == []
    assert shop.said.count("asks https") == 1
    assert authority.orders() == 1


def test_a_file_that_is_of_no_use_is_set_aside_and_the_site_speaks_tls_again(shop: Shop) -> None:
    (shop.data / "site.pem").write_text("not a certificate")
    shop.town.open_authority()
    shop.keep(shop.town.directory, shop.town.root)
    until(lambda: shop.town.ask(SITE)["status"] == 204, "the edge has a certificate")
    assert (shop.data / "site.pem.unreadable").read_text() == "not a certificate"
    issued(shop)


def test_asleep_it_is_small(shop: Shop) -> None:
    shop.town.open_authority()
    process = shop.keep(shop.town.directory, shop.town.root)
    issued(shop)

    def mapped_kib() -> int:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("Pss:"))

    until(lambda: mapped_kib() < 20_000, "it is a fresh process again")
