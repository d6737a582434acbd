"""A Django project that insists on HTTPS, behind the edge: nobody is redirected in a circle."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.live.test_django import PACKAGES, SUPERUSER, bakery
from tests.support.ports import free_port
from tests.support.project import Project
from tests.support.venvs import environment
from tests.support.visitor import NamedVisitor

from tenfold.certificates import pem

pytestmark = [pytest.mark.live, pytest.mark.timeout(300), pytest.mark.few(0)]
Bring = Callable[[Any], Project]
NAME = "bakery.example"
SETTINGS = f"""
DEBUG = False
ALLOWED_HOSTS = ["{NAME}", "localhost"]
SECURE_SSL_REDIRECT = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
"""
EDGE = """
[edge]
domain = "{name}"
https_port = {port}
tls = {{ certificate = "tls/chain.pem", key = "tls/key.pem" }}
"""
WAITRESS = (
    "waitress-serve --host={host} --port={port}"
    " --trusted-proxy=* --trusted-proxy-headers=x-forwarded-proto bakery.wsgi:application"
)
SERVERS = {
    "gunicorn": 'app = "bakery.wsgi:application"',
    "uvicorn": 'app = "bakery.asgi:application"',
    "hypercorn": 'app = "bakery.asgi:application"',
    "granian": 'app = "bakery.wsgi:application"',
    "waitress": f'command = "{WAITRESS}"',
}
"""What serves, and how ``tenfold.toml`` says so."""


def insisting(path: Path) -> Project:
    """The bakery with the settings of a site that is reached over HTTPS alone."""
    project = bakery(path)
    (path / ".venv").unlink()
    packages = (*PACKAGES, *(s for s in SERVERS if s not in PACKAGES))
    (path / ".venv").symlink_to(environment("django-servers", packages))
    with (path / "bakery/settings.py").open("a") as settings:
        settings.write(SETTINGS)
    certificate(path / "tls")
    return project


def certificate(folder: Path) -> None:
    folder.mkdir()
    key, now = pem.new_key(), datetime.datetime.now(datetime.UTC)
    (folder / "key.pem").write_text(pem.key_text(key))
    (folder / "chain.pem").write_text(pem.self_signed(key, [NAME], now))


@pytest.mark.parametrize("server", SERVERS)
def test_a_login_works_and_no_redirect_leads_in_a_circle(bring: Bring, server: str) -> None:
    project, port = bring(insisting), free_port()
    said = " ".join(project.ok("init").split())
    assert "SECURE_SSL_REDIRECT is on in bakery.settings" in said
    assert f'[edge] domain = "{NAME}", tls = "auto" does, and needs no other setting' in said
    spec = project.path / "tenfold.toml"
    text = spec.read_text().replace('app = "bakery.wsgi:application"', SERVERS[server])
    kind = f'\n[server]\nkind = "{server}"\n' if "app = " in SERVERS[server] else ""
    spec.write_text(f"{text}{kind}{EDGE.format(name=NAME, port=port)}")
    project.up()
    project.ok("run", "python", "manage.py", "shell", "-c", SUPERUSER)

    browser = NamedVisitor(project, NAME, port, project.path / "tls/chain.pem")
    login = f"https://{NAME}:{port}/admin/login/?next=/admin/"
    page = browser.get_plain("/admin/")
    assert page.status == 200, page.text
    assert browser.redirects == [(308, f"https://{NAME}:{port}/admin/"), (302, login)]

    inside = browser.submit("/admin/login/?next=/admin/", username="baker", password="crusty-loaf")
    assert "Site administration" in inside.text
    assert {c.name: c.secure for c in browser.cookies} == {"csrftoken": True, "sessionid": True}
    assert "<li>Rye</li>" in browser.submit("/", name="Rye").text
    browser.origin = "https://elsewhere.example"
    assert browser.submit("/", name="Mould").status == 403
    browser.origin = browser.site

    with (project.path / "bakery/settings.py").open("a") as settings:
        settings.write("# the next release\n")
    project.ok("deploy")
    browser.redirects.clear()
    assert "Site administration" in browser.get("/admin/").text, "still logged in"
    assert browser.redirects == []
