"""Apps that cannot be started: their authors are told why, in their own terms."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.contract.app_servers.conftest import Start
from tests.support.app_process import APPS, HYPERCORN, SYNC, UVICORN, AppProcess, Kind

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120), pytest.mark.few(8)]
BROKEN = APPS / "broken"
both = pytest.mark.parametrize(
    "kind", [UVICORN, SYNC, HYPERCORN], ids=["uvicorn", "gunicorn", "hypercorn"]
)


def error_of(process: AppProcess) -> str:
    """What it says when it has failed; it exits 3 soon afterwards, and its log says the same."""
    error = str(process.until(control.FAILED)["error"])
    began = time.monotonic()
    assert process.wait(10) == control.FAILED_EXIT_CODE
    assert time.monotonic() - began < 4
    assert error in process.text()
    assert "_tenfold" not in error
    assert not Path(process.path).exists()
    return error


@both
def test_a_missing_module(kind: Kind, start: Start) -> None:
    error = error_of(start(kind, entry="main:app"))
    assert 'There is no module "main" for the entry point main:app' in error
    assert str(APPS) in error
    assert str(kind.python()) in error


@both
def test_a_missing_attribute(kind: Kind, start: Start) -> None:
    entry = kind.settings["entry"].replace(":app", ":ap")
    error = error_of(start(kind, entry=entry))
    assert f'has no "ap", which {entry} names. Did you mean app?' in error


@both
def test_an_import_error(kind: Kind, start: Start) -> None:
    error = error_of(start(kind, entry="import_error:app", cwd=BROKEN))
    assert 'there is no module "a_package_that_nobody_installed"' in error
    assert f'File "{BROKEN}/import_error.py", line 1' in error


@both
def test_a_syntax_error(kind: Kind, start: Start) -> None:
    error = error_of(start(kind, entry="syntax_error:app", cwd=BROKEN))
    assert f'File "{BROKEN}/syntax_error.py", line 1' in error
    assert "SyntaxError" in error


@both
def test_an_app_that_exits_while_it_is_imported(kind: Kind, start: Start) -> None:
    error = error_of(start(kind, entry="exits:app", cwd=BROKEN))
    assert "called sys.exit('CONFIG is not set')" in error
    assert "in load_configuration" in error


@both
def test_an_exception_does_not_give_the_password_away(kind: Kind, start: Start) -> None:
    url = "postgresql://site:correct-horse@127.0.0.1:5432/site"
    error = error_of(start(kind, entry="raises:app", cwd=BROKEN, env={"DATABASE_URL": url}))
    assert "ConnectionError: cannot connect to ********" in error
    assert f'File "{BROKEN}/raises.py", line 8' in error
    assert "correct-horse" not in error


@pytest.mark.parametrize("kind", [UVICORN, HYPERCORN], ids=["uvicorn", "hypercorn"])
def test_a_lifespan_that_fails(kind: Kind, start: Start) -> None:
    error = error_of(start(kind, entry="lifespan_fails:app", cwd=BROKEN))
    assert "failed in its lifespan start-up" in error
    assert "RuntimeError: the cache is not reachable" in error
    assert f'File "{BROKEN}/lifespan_fails.py"' in error


def test_a_factory_that_fails(start: Start) -> None:
    error = error_of(start(UVICORN, entry="asgi_app:broken_factory()"))
    assert "asgi_app:broken_factory() raised" in error
    assert "ValueError: no configuration" in error


def test_a_worker_that_vanishes(start: Start) -> None:
    error = error_of(start(SYNC, entry="vanishes:app", cwd=BROKEN))
    assert "A worker ended while it imported vanishes:app" in error


def test_an_asgi_app_under_gunicorn(start: Start) -> None:
    error = error_of(start(SYNC, entry="asgi_app:app"))
    assert error == "asgi_app:app is an ASGI app, and gunicorn serves WSGI apps: use uvicorn"


def test_a_wsgi_app_under_uvicorn(start: Start) -> None:
    error = error_of(start(UVICORN, entry="wsgi_app:app"))
    assert error == "wsgi_app:app is a WSGI app, and uvicorn serves ASGI apps: use gunicorn"


@pytest.mark.parametrize("text", ["workers = ", "worker_class = 'gevent'", "timeout = 'soon'"])
def test_a_gunicorn_configuration_that_does_not_work(
    text: str, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "gunicorn.conf.py").write_text(text)
    assert "gunicorn.conf.py" in error_of(start(SYNC, cwd=tmp_path))


@both
def test_a_missing_server(kind: Kind, start: Start, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)

    class Empty(Kind):
        def python(self) -> Path:
            return tmp_path / "bin/python"

    error = error_of(start(Empty("empty", (), kind.settings)))
    assert f"{tmp_path}/bin/python cannot import it" in error
    assert f"pip install {kind.settings['server']}" in error


def test_an_error_that_nobody_reads_is_kept_for_five_seconds(start: Start) -> None:
    process = start(UVICORN, entry="main:app")
    began = time.monotonic()
    assert process.wait(20) == control.FAILED_EXIT_CODE
    assert time.monotonic() - began >= 5
    assert 'There is no module "main"' in process.text()


@both
def test_an_import_that_takes_long_can_be_watched_and_stopped(kind: Kind, start: Start) -> None:
    process = start(kind, entry="slow_import:app", cwd=BROKEN)
    while "slow_import: begun" not in process.text():
        assert process.until(control.IMPORTING)
    assert process.order(control.PROBE, path="/")["ok"] is False
    assert process.order(control.ACCEPT)["ok"] is False
    process.process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
