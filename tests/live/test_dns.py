"""The domain's switch to a site that runs: whose edge it is that answers, on ports 80 and 443."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.nameserver import NameServer
from tests.support.project import Project
from tests.support.town import Town, needs_town, settle

from tenfold.certificates import pem

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), needs_town, pytest.mark.few(0)]
Bring = Callable[[Any], Project]
EDGE = """
[edge]
port = 80
domain = "shop.example"
www = "redirect"
[publish]
to = "github:anna/shop"
"""
OLD = "@ A 185.199.108.153\n@ AAAA 2606:50c0:8000::153\nwww CNAME anna.github.io."
# Answers everything as our edge answers its own probe, and says back what it is told.
IMPOSTOR = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.send_header("X-Request-ID", self.headers["X-Request-ID"])
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.3", 80), Handler)
print("listening", flush=True)
server.serve_forever()
"""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    try:
        made.build()
        yield made
    finally:
        made.close()


@pytest.fixture
def names(town: Town, tmp_path: Path) -> Iterator[NameServer]:
    """The town's resolver, as its system names it."""
    (tmp_path / "nsd").mkdir()
    server = NameServer(tmp_path / "nsd", "127.0.0.53", 53, town.inside)
    server.zone("github.io", "anna A 185.199.108.153")
    server.zone("shop.example", OLD)
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
    bound = ["mount", "--bind", str(tmp_path / "resolv.conf"), "/etc/resolv.conf"]
    subprocess.run(town.inside(bound), check=True)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def impostor(town: Town) -> Iterator[str]:
    argv = town.inside([sys.executable, "-c", IMPOSTOR])
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    try:
        yield "127.0.0.3"
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def asked(project: Project, *arguments: str) -> dict[str, Any]:
    """What ``tenfold dns --json`` says; its code is 0 if that is done, and 2 if not."""
    done = project.tenfold("dns", "--json", *arguments)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == (0 if found["done"] else 2), done.stdout + done.stderr
    return found


def test_from_the_published_site_to_this_one(
    town: Town, names: NameServer, impostor: str, bring: Bring, tmp_path: Path
) -> None:
    shop = bring(apps.ledger)
    settle(shop, town)
    with (shop.path / "tenfold.toml").open("a") as file:
        file.write(EDGE)
    shop.ok("up", "-d")

    before = asked(shop, "--to", "127.0.0.1")
    assert before["servers"] == ["127.0.0.53"]
    assert [r["mark"] for r in before["records"]] == ["-", "-", "+", "-", "+"]
    assert before["problems"] == [], "before anybody is led here, this edge answers here"
    assert {visit["here"] for visit in before["visits"]} == {True}

    names.zone("shop.example", f"@ A {impostor}\nwww CNAME shop.example.")
    wrong = asked(shop, "--to", impostor)
    assert {r["mark"] for r in wrong["records"]} == {"="}
    assert wrong["problems"] == [
        f"http://{name}/ at 127.0.0.3: somebody else answers (status 204)"
        for name in ("shop.example", "www.shop.example")
    ]

    names.zone("shop.example", "@ A 127.0.0.1\nwww CNAME shop.example.")
    assert asked(shop)["done"], "that it answers says that the address is this machine's"
    _a_name_that_is_not_deployed(shop, names)
    _with_a_certificate_that_nobody_trusts(shop)
    shop.ok("down")
    assert any("does not run in this folder" in p for p in asked(shop)["problems"])


def _a_name_that_is_not_deployed(shop: Project, names: NameServer) -> None:
    spec = shop.path / "tenfold.toml"
    before = spec.read_text()
    spec.write_text(before.replace('domain = "shop.example"', 'domain = "new.shop.example"'))
    names.zone("shop.example", "@ A 127.0.0.1\nwww CNAME shop.example.\nnew A 127.0.0.1\n"
               "www.new A 127.0.0.1")  # fmt: skip
    found = asked(shop, "--to", "127.0.0.1")
    assert len(found["problems"]) == 2
    assert all("does not know the name: tenfold deploy" in p for p in found["problems"])
    spec.write_text(before)


def _with_a_certificate_that_nobody_trusts(shop: Project) -> None:
    (shop.path / "tls").mkdir()
    key, now = pem.new_key(), datetime.datetime.now(datetime.UTC)
    (shop.path / "tls" / "key.pem").write_text(pem.key_text(key))
    every = ["shop.example", "www.shop.example"]
    (shop.path / "tls" / "chain.pem").write_text(pem.self_signed(key, every, now, days=90))
    spec = shop.path / "tenfold.toml"
    files = 'tls = { certificate = "tls/chain.pem", key = "tls/key.pem" }'
    spec.write_text(spec.read_text().replace("[edge]", f"[edge]\n{files}"))
    shop.ok("deploy", timeout=200)
    found = asked(shop, "--to", "127.0.0.1")
    assert found["done"], found["problems"]
    assert [(v["url"], v["status"], v["trusted"]) for v in found["visits"]] == [
        ("http://shop.example/", 308, None),
        ("https://shop.example/", 404, False),
        ("http://www.shop.example/", 308, None),
        ("https://www.shop.example/", 308, False),
    ]
    said = shop.ok("dns")
    assert "browsers do not trust the certificate of shop.example" in said
    assert said.endswith("everything leads here, says 127.0.0.53\n")
