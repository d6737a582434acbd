"""Which commands make an environment, tool by tool. What they do is in ``test_made``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.release.interpreters import Interpreter
from tenfold.release.recipes import Place, Recipe, acts, variables, way_out
from tenfold.spec.packages import Declared, Kind, Package

PLACE = Place(Path("/p/project"), Path("/p/env"), "/py/3.12", "/py/own", "/uv")
PYTHON = Interpreter(Path("/py/3.12"), "3.12.1")


def declared(kind: Kind, file: str, *, own: bool = False, **packages: str) -> Declared:
    named = {name: Package(name, version) for name, version in packages.items()}
    return Declared(kind=kind, file=file, packages=named, own=own, name="My.Shop")


def commands(found: Declared) -> list[str]:
    first, *rest = acts(found, PLACE)
    assert first.command.argv[:2] == ("/uv", "venv")
    assert first.command.argv[-3:] == ("--python", "/py/3.12", "/p/env")
    return [" ".join(act.command.argv[1:]) for act in rest]


def test_a_lock_of_uv_is_checked_and_its_own_indexes_are_asked() -> None:
    found = declared("uv", "uv.lock")
    assert commands(found) == ["sync --locked --no-dev --python /py/3.12"]
    assert not acts(found, PLACE)[1].as_pip


@pytest.mark.parametrize(
    ("kind", "file", "own", "source"),
    [
        ("requirements", "requirements.txt", True, "--requirement requirements.txt"),
        ("pylock", "pylock.toml", False, "--requirement pylock.toml"),
        ("pyproject", "pyproject.toml", False, "--requirement pyproject.toml"),
        ("pyproject", "setup.py", True, "--editable ."),
    ],
)
def test_what_uv_installs_as_pip_would(kind: Kind, file: str, own: bool, source: str) -> None:
    found = declared(kind, file, own=own)
    assert commands(found) == [f"pip install --python /p/env/bin/python {source}"]
    assert acts(found, PLACE)[1].as_pip


def test_poetry_says_what_its_lock_means_and_uv_installs_it() -> None:
    export, others, own = commands(declared("poetry", "poetry.lock", own=True))
    assert export.startswith("tool run --python /py/own --from poetry>=")
    assert " poetry export --only main " in export
    assert others.endswith("--requirement .tenfold-requirements.txt")
    assert own.endswith("--no-deps --editable .")
    assert len(commands(declared("poetry", "poetry.lock"))) == 2
    assert " poetry lock " in commands(declared("poetry", "pyproject.toml"))[0]


def test_pdm_is_asked_whether_its_lock_fits_before_it_says_what_it_means() -> None:
    check, export, others = commands(declared("pdm", "pdm.lock"))
    assert check.endswith(" pdm lock --check")
    assert " pdm export --prod " in export
    assert others.endswith("--requirement .tenfold-requirements.txt")


def test_every_tool_is_led_to_the_new_environment() -> None:
    told = variables(declared("uv", "uv.lock"), PLACE, "/bin")
    assert {told["VIRTUAL_ENV"], told["UV_PROJECT_ENVIRONMENT"]} == {"/p/env"}
    assert told["PATH"] == "/p/env/bin:/bin"
    assert told["UV_PYTHON_DOWNLOADS"] == "never"
    assert told["SETUPTOOLS_SCM_PRETEND_VERSION_FOR_MY_SHOP"] == "0"


@pytest.mark.parametrize(
    ("packages", "installed", "planned", "added"),
    [
        ({}, {"flask"}, "uvicorn>=0.23", "uvicorn>=0.23"),
        ({"uvicorn": ""}, {"uvicorn"}, None, None),
        ({"gunicorn": "23"}, {"gunicorn"}, None, None),
        # Named for another platform or by a marker that does not hold: only installing tells.
        ({"uvicorn": ""}, {"flask"}, None, "uvicorn>=0.23"),
    ],
)
def test_a_server_is_added_when_none_is_there(
    packages: dict[str, str], installed: set[str], planned: str | None, added: str | None
) -> None:
    found = declared("requirements", "requirements.txt", **packages)
    recipe = Recipe(found, PYTHON, ("uvicorn>=0.23", "gunicorn>=21.2"))
    assert recipe.missing == planned
    assert recipe.lacks(installed) == added


@pytest.mark.parametrize(
    ("kind", "file", "said", "way"),
    [
        ("uv", "uv.lock", "The lockfile needs to be updated, but `--locked`", "uv lock, then"),
        ("poetry", "poetry.lock", "changed significantly since poetry.lock", "poetry lock, then"),
        ("pdm", "pdm.lock", "Lock file hash doesn't match pyproject.toml", "pdm lock, then"),
        ("requirements", "requirements.txt", "Hash mismatch for `a==1`", "find out why"),
        ("requirements", "requirements.txt", "Failed to fetch: `https://x`", "reaches the index"),
        ("requirements", "requirements.txt", "No solution found", "make the environment yourself"),
    ],
)  # fmt: skip
def test_the_way_out(kind: Kind, file: str, said: str, way: str) -> None:
    assert way in way_out(declared(kind, file), said)
