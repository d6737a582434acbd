"""A plain site that gets a name, a certificate of its user's own and a password, while it runs."""

from __future__ import annotations

import base64
import datetime
import http.client
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import apps
from tests.support.ports import free_port
from tests.support.project import Project

from tenfold.certificates import pem

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
NAME, PASSWORD = "shop.example", "open sesame 4711"


def certificate(folder: Path, days_left: int) -> None:
    """A key and a self-signed certificate of a hundred days ago, as a user brings them."""
    folder.mkdir(exist_ok=True)
    key, made = pem.new_key(), datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=100)
    (folder / "key.pem").write_text(pem.key_text(key))
    (folder / "chain.pem").write_text(pem.self_signed(key, [NAME], made, days=100 + days_left))


def ask(project: Project, port: int, password: str | None) -> tuple[int, str]:
    """One request over TLS, which trusts what lies in the project and nothing else."""
    context = ssl.create_default_context(cafile=project.path / "tls" / "chain.pem")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sock = context.wrap_socket(plain, server_hostname=NAME)
    headers = {"Host": NAME}
    if password is not None:
        headers["Authorization"] = _basic(password)
    connection.request("GET", "/", headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_a_plain_site_becomes_one_with_a_name_a_certificate_and_a_password(bring: Bring) -> None:
    project, port = bring(apps.ledger), free_port()
    code = (project.path / "ledger.py").read_text()
    told = '{"version": VERSION, "scheme": environ["wsgi.url_scheme"]}'
    (project.path / "ledger.py").write_text(code.replace('{"version": VERSION}', told))
    project.up()
    assert project.get("/").json()["scheme"] == "http"

    certificate(project.path / "tls", 20)
    files = '{ certificate = "tls/chain.pem", key = "tls/key.pem" }'
    table = f'domain = "{NAME}"\nhttps_port = {port}\ntls = {files}\n'
    with (project.path / "tenfold.toml").open("a") as file:
        file.write(f'\n[edge]\n{table}basic_auth = {{ anna = "${{SHOP_PASSWORD}}" }}\n')
    refused = project.tenfold("deploy", env={"SHOP_PASSWORD": ""})
    assert refused.returncode == 2
    assert "[edge.basic_auth] anna" in refused.stderr + refused.stdout
    done = project.tenfold("deploy", timeout=200, env={"SHOP_PASSWORD": PASSWORD})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the certificate of [edge] tls ends in" in done.stdout

    assert ask(project, port, None)[0] == 401
    assert ask(project, port, "wrong")[0] == 401
    status, body = ask(project, port, PASSWORD)
    assert (status, json.loads(body)["scheme"]) == (200, "https")
    assert project.get("/").status == 421
    assert project.status()["url"] == f"https://{NAME}:{port}"

    _is_told_of_in_time(project)
    certificate(project.path / "tls", 300)
    later = "tls/chain.pem has a later one, good for 299 days: tenfold deploy brings it"
    assert later in project.ok("status")
    project.ok("deploy", timeout=200)  # the password is remembered
    assert "certificate of your own from CN=shop.example, good for 299 days" in project.ok("status")
    told = project.status()["certificate"]
    assert (told["kind"], told["urgent"], told["problem"]) == ("own", False, None)
    assert ask(project, port, PASSWORD)[0] == 200
    _is_nowhere(project)
    _takes_load(project)
    assert "it asks for a password" in project.ok("down") + project.ok("up", "-d", timeout=200)
    assert ask(project, port, PASSWORD)[0] == 200


def _is_told_of_in_time(project: Project) -> None:
    """Status, in both forms, the command and the doctor say that it nears its end."""
    ends = f"the certificate of {NAME} ends in 19 days, and nobody here renews it"
    for said in (project.ok("status"), project.ok("certificate")):
        assert ends in said
        assert "put a new one into tls/chain.pem and tls/key.pem, then tenfold deploy" in said
        assert "PRIVATE KEY" not in said
    told = project.status()["certificate"]
    assert (told["kind"], told["urgent"], told["names"]) == ("own", True, [NAME])
    assert told["problem"]["what"] == ends
    assert 19 < told["days_left"] <= 20
    found = json.loads(project.tenfold("doctor", "--json").stdout)
    (finding,) = (f for f in found["findings"] if f["check"] == "site.certificate")
    assert ends in finding["evidence"]
    refused = project.tenfold("certificate", "--renew")
    assert refused.returncode == 1
    assert "no certificate is kept here" in refused.stderr


def _takes_load(project: Project) -> None:
    """By its own name, which leads nowhere on this machine."""
    spec = project.path / "tenfold.toml"
    before = spec.read_text()
    headers = f'headers = {{ Authorization = "{_basic(PASSWORD)}" }}'
    spec.write_text(f'{before}\n[load]\nrate = 20\nduration = "2s"\n{headers}\n')
    report = json.loads(project.ok("load", "--json").splitlines()[-1])
    spec.write_text(before)
    assert report["overall"]["succeeded"] > 10
    assert report["ok"]


def _basic(password: str) -> str:
    return f"Basic {base64.b64encode(f'anna:{password}'.encode()).decode()}"


def _is_nowhere(project: Project) -> None:
    """The password is in one closed file of Tenfold's own, in no log, on no command line."""
    argv = [word for process in project.processes() for word in process.cmdline()]
    assert not any(PASSWORD in word for word in argv)
    found = {
        path.name
        for path in (project.path / ".tenfold").rglob("*")
        if path.is_file() and path.suffix in (".log", ".json", ".conf", "") and _has(path)
    }
    assert found == {"secrets.json"}


def _has(path: Path) -> bool:
    return PASSWORD.encode() in path.read_bytes()
