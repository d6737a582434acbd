"""Certificates by themselves on ports that every user has, with an authority that asks there."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.pebble import Pebble
from tests.support.ports import free_port
from tests.support.project import Project
from tests.support.town import until

from tenfold.certificates import pem

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("pebble") is None, reason="no pebble on PATH"),
    pytest.mark.few(0),
]
Bring = Callable[[Any], Project]


@pytest.fixture
def pebble(tmp_path: Path) -> Iterator[Callable[[int], Pebble]]:
    opened: list[Pebble] = []

    def start(http_port: int) -> Pebble:
        opened.append(Pebble(None, tmp_path / "pebble", http_port=http_port, port=free_port()))
        opened[-1].open()
        return opened[-1]

    yield start
    for made in opened:
        made.close()


def shown(port: int) -> pem.Facts:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        der = secure.getpeercert(binary_form=True)
    assert der is not None
    return pem.facts(ssl.DER_cert_to_PEM_cert(der))


def test_a_certificate_is_ordered_and_shown(bring: Bring, pebble: Callable[[int], Pebble]) -> None:
    project, secure = bring(apps.ledger), free_port()
    authority = pebble(project.port)
    with (project.path / "tenfold.toml").open("a") as file:
        file.write(
            f'\n[edge]\ndomain = "localhost"\nhttps_port = {secure}\ntls = "auto"\n'
            f'acme = "{authority.directory}"\nacme_ca = "{authority.root}"\n'
        )
    assert "nobody outside reaches the site" in project.up()

    def standing() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(project.ok("certificate", "--json"))
        return found

    until(lambda: not standing()["self_signed"], "a certificate is issued")
    until(lambda: not shown(secure).self_signed, "the edge shows it")
    assert shown(secure).names == ("localhost",)
    assert standing()["problem"] is None
