"""The app's server: what it costs, and whether a command does as one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.doctor import catalogue
from tenfold.doctor.facts import ProjectFacts
from tenfold.doctor.look import project
from tenfold.doctor.model import Seen
from tenfold.state.layout import Layout


def find(id: str, command: str, **known: object) -> list[Seen]:
    facts = ProjectFacts(Path("/srv/shop"), True, command=command, **known)  # type: ignore[arg-type]
    return list(catalogue.named(id).find(facts))


@pytest.mark.parametrize(
    ("command", "what", "fix"),
    [
        ("uvicorn shop:app --port 8000", "listens at port 8000, whatever", "{port}"),
        ("gunicorn -b 0.0.0.0:8000 shop.wsgi", "listens at port 8000, whatever", "{port}"),
        ("gunicorn --bind=:8080 shop.wsgi", "listens at port 8080, whatever", "{port}"),
        ("waitress-serve --listen=*:8041 shop:app", "listens at port 8041", "{port}"),
        ("uvicorn shop:app", "uvicorn listens at port 8000", "--port {port}"),
        ("python -m hypercorn shop:app", "hypercorn listens at port 8000", "--bind {host}:{port}"),
        ("flask --app shop run", "flask listens at port 5000", "--port {port}"),
        ("gunicorn --daemon shop.wsgi", "--daemon puts the server into", "leave it out"),
        ("uvicorn shop:app --reload --port {port}", "one for development", "--reload"),
        ("python manage.py runserver {host}:{port}", "one for development", "gunicorn"),
    ],
)
def test_a_command_that_does_not_do_as_a_server(command: str, what: str, fix: str) -> None:
    (seen,) = find("project.command", command)
    assert what in seen.what
    assert fix in seen.fix
    assert seen.evidence == (f'tenfold.toml command = "{command}"',)
    assert seen.bites == "10"


@pytest.mark.parametrize(
    "command",
    [
        "gunicorn shop.wsgi",  # reads PORT
        "uvicorn shop:app --host {host} --port {port}",
        "waitress-serve --host=$HOST --port=${PORT} shop:app",
        "python server.py",
        "node server.js --workers 20",
        "gunicorn --statsd-host localhost:8125 shop.wsgi",
        "sh -c 'exec uvicorn shop:app --port $PORT'",
    ],
)
def test_commands_that_do(command: str) -> None:
    assert find("project.command", command) == []


def test_what_a_command_lacks_is_told() -> None:
    (seen,) = find("project.command", "gunicorn x", lacking=("no gunicorn", "pip install it"))
    assert (seen.what, seen.fix) == ("no gunicorn", "pip install it")


@pytest.mark.parametrize(
    ("command", "fix"),
    [
        ("gunicorn -w 3 shop.wsgi", 'app = "shop.wsgi:application"'),
        ("uvicorn shop:app --port {port}", 'app = "shop:app"'),
        ("waitress-serve --port={port} shop:app", "keep it"),
        ("gunicorn shop", "keep it"),
    ],
)
def test_a_server_that_could_have_its_adapter(command: str, fix: str) -> None:
    (seen,) = find("project.server-costs", command, costs=("Lost: this and that",))
    assert fix in seen.fix
    assert seen.bites is None


def toml(root: Path, text: str) -> ProjectFacts:
    (root / "tenfold.toml").write_text(f'name = "shop"\n{text}')
    (root / "shop.py").write_text("app = 1\n")
    return project.look(Layout(root), [])[1]


def test_what_is_known_of_a_command(tmp_path: Path) -> None:
    facts = toml(tmp_path, 'command = "python serve.py"\n')
    assert facts.lacking is not None
    assert "no serve.py" in facts.lacking[0]
    assert "command stands behind a door" in facts.costs[0]


def test_granian_costs_something_and_gunicorn_nothing(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("granian\ngunicorn\n")
    own = 'app = "shop:app"\n[server]\nkind = '
    assert "granian cannot be handed a socket" in toml(tmp_path, f'{own}"granian"\n').costs[0]
    assert toml(tmp_path, f'{own}"gunicorn"\n').costs == ()
