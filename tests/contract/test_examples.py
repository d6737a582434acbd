"""The examples' own tests, on a PostgreSQL as they will have one; conduit's bring their own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from tests.support.examples import EXAMPLES, python
from tests.support.postgres import running

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600), pytest.mark.few(1)]

WITHIN_SECONDS = 500
THEIR_TESTS = {
    "conduit": ("-m", "pytest", "-q"),
    "polls": ("manage.py", "test", "--settings", "config.test_settings"),
    "flask-notes": ("-m", "pytest", "-q"),
}


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    """A server on which one may make databases."""
    with running() as server:
        login = server.login("superuser")
        who = f"{login.user}:{quote(login.password.reveal())}"
        yield f"postgresql://{who}@/postgres?host={quote(login.host)}&port={login.port}"


@pytest.mark.parametrize(
    "name", [pytest.param("conduit", marks=pytest.mark.always), "polls", "flask-notes"]
)
def test_an_example_passes_its_own_tests(name: str, server_url: str) -> None:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if name != "conduit":
        environment["DATABASE_URL"] = server_url
    done = subprocess.run(
        [python(name), "-W", "error", *THEIR_TESTS[name]],
        cwd=EXAMPLES / name,
        env=environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
