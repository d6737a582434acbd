"""Real frameworks: what is told of them before they run, and by which routes they are counted."""

from __future__ import annotations

import json
import subprocess

import pytest
from tests.contract.app_servers.conftest import Connect, Start
from tests.contract.app_servers.test_serving import counted
from tests.support.app_process import APPS, GTHREAD, UVICORN, Kind, Runtime

from tenfold.runtime.package import LAUNCHER
from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
UNMATCHED = {"unmatched": {"4xx": 2}}


@pytest.mark.parametrize(
    ("kind", "entry", "paths"),
    [
        (UVICORN, "frameworks:fastapi_app", {"/api/v1/items/{number}": "/api/v1/items/7"}),
        (UVICORN, "frameworks:fastapi_app", {"/shop/v1/items/{number}": "/shop/v1/items/7"}),
        (GTHREAD, "frameworks:flask_app", {"/items/<int:number>": "/items/7"}),
        (GTHREAD, "django_app:wsgi", {"/shop/items/<int:number>/": "/shop/items/7/"}),
        (UVICORN, "django_app:asgi", {"/shop/items/<int:number>/": "/shop/items/7/"}),
    ],
)
async def test_requests_are_counted_by_the_routes_of(
    kind: Kind, entry: str, paths: dict[str, str], start: Start, connect: Connect
) -> None:
    process = start(kind, entry=entry).accept()
    connection = await connect()
    ((template, path),) = paths.items()
    for asked in (path, path, "/guess/1", "/guess/2"):
        await connection.send("GET", asked)
        await connection.receive()
    assert await counted(process, 4) == {template: {"2xx": 2}, **UNMATCHED}
    connection.close()


@pytest.mark.parametrize("entry", ["django_app:wsgi", "frameworks:flask_app"])
def test_a_framework_answers_a_probe(entry: str, start: Start) -> None:
    process = start(GTHREAD, entry=entry).warm()
    paths = {"django_app:wsgi": "/shop/items/7/", "frameworks:flask_app": "/items/7"}
    answer = process.order(control.PROBE, path=paths[entry], host="localhost")
    assert (answer["status"], json.loads(answer["body"])) == (200, {"number": 7})


@pytest.mark.parametrize(
    ("entry", "interface", "framework"),
    [
        ("frameworks:fastapi_app", "asgi", "fastapi"),
        ("frameworks:flask_app", "wsgi", "flask"),
        ("asgi_app:app", "asgi", "starlette"),
        ("asgi_app:create_app()", "asgi", "starlette"),
        ("django_app:wsgi", "wsgi", "django"),
        ("django_app:asgi", "asgi", "django"),
        ("wsgi_app:app", "wsgi", None),
    ],
)
def test_an_app_is_inspected(
    entry: str, interface: str, framework: str | None, runtime: Runtime
) -> None:
    command = [UVICORN.python(), runtime.folder / LAUNCHER, "--inspect", entry]
    done = subprocess.run(
        [str(part) for part in command], cwd=APPS, capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    assert (told["interface"], told["framework"]) == (interface, framework)
    assert told["servers"].keys() >= {"uvicorn", "gunicorn", "httptools", "uvloop", "websockets"}


def test_why_an_app_cannot_be_imported_is_told_early(runtime: Runtime) -> None:
    command = [UVICORN.python(), runtime.folder / LAUNCHER, "--inspect", "import_error:app"]
    done = subprocess.run(
        [str(part) for part in command],
        cwd=APPS / "broken",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert 'there is no module "a_package_that_nobody_installed"' in error
    assert f'File "{APPS}/broken/import_error.py", line 1' in error
