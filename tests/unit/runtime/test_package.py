"""The copy that lies beside a release: complete, standard library only, on every interpreter."""

from __future__ import annotations

import ast
import json
import os
import pkgutil
import shutil
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

import tenfold
from tenfold.runtime import package, servers
from tenfold.runtime import settings as run_settings
from tenfold.runtime.settings import RunSettings
from tenfold.wiring import control

FILES = package.files()
OWN = {"_tenfold"}
# What the app's own environment has, imported by name, late: servers, and what makes a console.
LATE = {*servers.MODULES, "django", "IPython"}


@cache
def interpreter(minor: int) -> str | None:
    """One of this version, as far as there is any."""
    beside = Path(sys.base_prefix).parent.glob(f"3.{minor}*/bin/python3")
    own = [sys.executable] if sys.version_info[1] == minor else []
    named = shutil.which(f"python3.{minor}")
    code = "import sys; print(sys.version_info[:2], sys.executable)"
    for python in [*own, *map(str, beside), *filter(None, [named])]:
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.startswith(f"(3, {minor})"):
            return asked.stdout.partition(") ")[2].strip()
    return None


@pytest.fixture(params=range(11, 15), ids=lambda minor: f"3.{minor}")
def python(request: pytest.FixtureRequest) -> str:
    """An interpreter of each version that is maintained."""
    found = interpreter(request.param)
    if found is None:
        pytest.skip(f"there is no Python 3.{request.param} here")
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The copy."""
    made = tmp_path_factory.mktemp("r")
    for name, source in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, made / name)
    return made


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_every_file_has_a_source() -> None:
    assert "_tenfold_launch.py" in FILES
    assert "_tenfold/runtime/main.py" in FILES
    assert "_tenfold/wiring/control.py" in FILES
    assert all(source.is_file() for source in FILES.values())


@pytest.mark.parametrize("name", sorted(FILES))
def test_only_the_standard_library_is_imported(name: str) -> None:
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            modules = [node.module or ""]
        else:
            continue
        assert roots(modules) <= sys.stdlib_module_names | OWN


@pytest.mark.parametrize("name", sorted(FILES))
def test_of_the_rest_of_tenfold_only_the_wiring_is_imported(name: str) -> None:
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if isinstance(node, ast.ImportFrom) and node.level > 1:
            assert (node.level, roots([node.module or ""])) == (2, {"wiring"})


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_is_imported_by_name_is_the_apps_own(name: str) -> None:
    named = [
        node.args[0].value
        for node in ast.walk(ast.parse(FILES[name].read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("importlib.import_module", "__import__")
        and isinstance(node.args[0], ast.Constant)
    ]
    assert roots(named) <= sys.stdlib_module_names | LATE


def roots(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def test_the_contract_forbids_all_other_parts_of_tenfold() -> None:
    """Whoever adds one adds it there, too: pyproject.toml, [tool.importlinter]."""
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    (own,) = [c for c in contracts if c.get("source_modules") == ["tenfold.runtime"]]
    parts = {f"tenfold.{part.name}" for part in pkgutil.iter_modules(tenfold.__path__)}
    allowed = {"tenfold.runtime", "tenfold.wiring", "tenfold.__main__"}
    assert parts - allowed <= set(own["forbidden_modules"])


def test_every_module_can_be_imported(python: str, folder: Path, tmp_path: Path) -> None:
    names = [
        name.removesuffix(".py").replace("/", ".")
        for name in FILES
        if not name.endswith("__init__.py") and name != package.LAUNCHER
    ]
    code = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    command = [python, "-W", "error", "-c", code]
    env = {"PYTHONPATH": str(folder), "PYTHONPYCACHEPREFIX": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


APP = """
import sys

async def app(scope, receive, send):
    pass

class Flaskish:
    def __call__(self, environ, start_response):
        pass

wsgi = Flaskish()
print("printed while it is imported")
path = list(sys.path)
"""


def test_an_app_is_inspected(python: str, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(APP)

    def inspect(entry: str) -> tuple[int, dict[str, object]]:
        command = [python, str(folder / package.LAUNCHER), "--inspect", entry]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, json.loads(done.stdout)

    code, told = inspect("main:app")
    assert (code, told["ok"], told["interface"], told["framework"]) == (0, True, "asgi", None)
    assert str(told["python"]).startswith("3.")
    assert isinstance(told["servers"], dict)
    assert inspect("main:wsgi")[1]["interface"] == "wsgi"
    code, told = inspect("main:application")
    assert (code, told["ok"]) == (1, False)
    assert "has no" in str(told["error"])


def failing(python: str, server: str, folder: Path, cwd: Path, owned: socket.socket) -> str:
    """What a launch says that fails; it is said on the control socket and printed."""
    path, sock = cwd / "s.json", f"{folder}/{os.getpid()}.sock"
    path.write_text(RunSettings(server=server, entry="main:app", control=sock).to_json())
    # Isolated from any site-packages, so that no server is found but those in PYTHONPATH.
    command = [python, "-S", str(folder / package.LAUNCHER), str(path)]
    process = subprocess.Popen(
        [*command, "--fd", str(owned.fileno())],
        cwd=cwd,
        env={"PYTHONPATH": str(cwd / "packages")},
        pass_fds=[owned.fileno()],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answer: dict[str, object] = {}
        while answer.get("state") != control.FAILED:
            assert process.poll() is None
            if Path(sock).exists():
                with socket.socket(socket.AF_UNIX) as asked:
                    asked.connect(sock)
                    asked.sendall(control.encode({"order": control.STATUS}))
                    answer = control.decode(asked.recv(1 << 16))
        _, printed = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait(10)
    assert str(answer["error"]) in printed
    assert process.returncode == control.FAILED_EXIT_CODE
    return str(answer["error"])


@pytest.mark.parametrize("server", ["uvicorn", "gunicorn"])
def test_a_launch_without_the_server_says_what_to_install(
    python: str, server: str, folder: Path, tmp_path: Path, listening: socket.socket
) -> None:
    error = failing(python, server, folder, tmp_path, listening)
    assert f"pip install {server}" in error


@pytest.mark.parametrize(("server", "version"), [("uvicorn", "0.22.9"), ("gunicorn", "20.1.0")])
def test_a_server_that_is_too_old_is_refused(
    server: str, version: str, folder: Path, tmp_path: Path, listening: socket.socket
) -> None:
    for module in (server, f"{server}/app", f"{server}/app/base"):
        (tmp_path / "packages" / module).mkdir(parents=True)
        init = tmp_path / "packages" / module / "__init__.py"
        init.write_text(f"__version__ = '{version}'\n")
    error = failing(sys.executable, server, folder, tmp_path, listening)
    assert f"{server} {version} of {sys.executable} is too old" in error
    assert f"pip install --upgrade {server}" in error


@pytest.mark.parametrize("arguments", [[], ["settings.json"], ["settings.json", "--fd", "x"]])
def test_a_wrong_call_says_how_it_is_called(arguments: list[str], folder: Path) -> None:
    command = [sys.executable, str(folder / package.LAUNCHER), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "usage: _tenfold_launch.py SETTINGS.json --fd N" in done.stderr


def test_the_apps_import_path_begins_where_it_runs(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import sys\nprint(sys.path, file=sys.stderr)\nasync def app(s, r, w): ...\n"
    )
    command = [sys.executable, str(folder / package.LAUNCHER), "--inspect", "main:app"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    path = ast.literal_eval(done.stderr.strip())
    assert path[0] == str(tmp_path)
    assert str(folder) not in path


def test_settings_come_back_as_they_were(tmp_path: Path) -> None:
    settings = RunSettings(server="uvicorn", entry="a:b", control="/c", trusted=("10.0.0.1",))
    (tmp_path / "s.json").write_text(settings.to_json())
    assert run_settings.read(str(tmp_path / "s.json")) == settings


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 99}', '{"format": 1, "server": "uvicorn", "surprise": 1}'],
)
def test_settings_that_are_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        run_settings.read(str(tmp_path / "s.json"))
