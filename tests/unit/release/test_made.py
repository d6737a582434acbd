"""Environments that Tenfold makes itself: with the real installer, from a folder of wheels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from uv import find_uv_bin

from tenfold.errors import ReleaseError
from tenfold.release import environment, interpreters
from tenfold.release.build import Preview, build, preview
from tenfold.release.interpreters import Interpreter
from tenfold.release.record import Release
from tenfold.release.running import Here
from tenfold.release.store import Store
from tenfold.spec.model import AppSpec
from tenfold.topology.process import Command

from .conftest import NOBODY, SYSTEM_PYTHON, commit, git, wheel, write

SPEC = AppSpec(name="shop", app="shop.main:app")
SERVERS = ("tinyserver>=1.0", "otherserver>=1.0")
Make = Callable[..., Release]


@pytest.fixture(scope="session")
def links(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of wheels, which is all that there is to install."""
    folder = tmp_path_factory.mktemp("links")
    for name, version in [
        ("tinytool", "1.0"), ("tinytool", "2.0"), ("tinyserver", "1.0"), ("otherserver", "1.5"),
    ]:  # fmt: skip
        wheel(folder, name, version)
    for path in (folder, folder.parent, folder.parent.parent):
        path.chmod(0o755)
    return folder


@pytest.fixture
def environ(links: Path, tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_FIND_LINKS": str(links),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(tmp_path / "packages"),
    }


@pytest.fixture
def look(project: Path, state: Path, environ: dict[str, str]) -> Callable[..., Preview]:
    def looked(servers: tuple[str, ...] = ()) -> Preview:
        return preview(SPEC, project, state, run=Here(), servers=servers, environ=environ)

    return looked


@pytest.fixture
def made(project: Path, state: Path, environ: dict[str, str]) -> Make:
    def make(servers: tuple[str, ...] = (), **more: str) -> Release:
        given = {**environ, **more}
        return build(SPEC, project, state, run=Here(), servers=servers, environ=given)

    return make


def said(release: Release, code: str) -> str:
    done = subprocess.run(
        [release.python, "-c", code],
        cwd=release.app,
        env={**os.environ, **release.environ()},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def left(state: Path) -> list[str]:
    return sorted(
        path.name for folder in ("envs", "releases") for path in (state / folder).iterdir()
    )


def test_requirements_become_an_environment_that_a_release_runs_in(
    project: Path, state: Path, look: Callable[..., Preview], made: Make
) -> None:
    write(project, {"requirements.txt": "tinytool==1.0\n"})
    seen = look()
    assert seen.found.environment.packages == (("tinytool", "1.0"),)
    assert "will be made" in seen.notes[0]
    assert not (state / "envs").exists(), "to look makes nothing"

    release = made()
    assert release.id == seen.id
    assert release.environment.kind == "snapshot"
    assert release.environment.origin == "requirements.txt"
    assert dict(release.environment.packages) == {"tinytool": "1.0"}
    assert said(release, "import tinytool; print(tinytool.__version__)") == "1.0"
    assert said(release, "import sys; print(sys.prefix)") == str(release.environment.directory)
    tool = release.environment.directory / "bin/tinytool"
    assert subprocess.run([tool], capture_output=True, text=True, check=True).stdout == "1.0\n"
    assert "is there already" in look().notes[0]


def test_it_is_made_once_for_all_releases_and_anew_when_the_file_changes(
    project: Path, made: Make
) -> None:
    write(project, {"requirements.txt": "tinytool<2\n"})
    first = made()
    write(project, {"shop/main.py": "async def app(scope, receive, send): return\n"})
    second = made(UV_FIND_LINKS="/nowhere")
    assert (first.id, first.python) != (second.id, "")
    assert first.python == second.python, "nothing was fetched for it"
    write(project, {"requirements.txt": "tinytool\n"})
    third = made()
    assert said(third, "import tinytool; print(tinytool.__version__)") == "2.0"
    assert said(first, "import tinytool; print(tinytool.__version__)") == "1.0"


def test_one_that_is_damaged_is_made_again(project: Path, made: Make) -> None:
    write(project, {"requirements.txt": "tinytool==1.0\n"})
    release = made()
    next(release.environment.directory.glob("lib/*/site-packages/tinytool.py")).unlink()
    assert not environment.is_whole(release.environment.directory)
    again = made()
    assert said(again, "import tinytool; print(tinytool.__version__)") == "1.0"


def test_those_that_no_release_needs_go(project: Path, state: Path, made: Make) -> None:
    write(project, {"requirements.txt": "tinytool==1.0\n"})
    old = made()
    write(project, {"requirements.txt": "tinytool==2.0\n"})
    new = made()
    Store(state).prune(keep=1)
    assert not old.environment.directory.exists()
    assert new.environment.directory.is_dir()


@pytest.mark.parametrize(
    ("requirements", "server", "told"),
    [
        ("tinytool\n", "tinyserver", True),
        ("tinyserver==1.0\n", "tinyserver", False),
        ("otherserver\n", "otherserver", False),
    ],
)
def test_a_server_is_added_where_none_is_named(
    project: Path,
    look: Callable[..., Preview],
    made: Make,
    requirements: str,
    server: str,
    told: bool,
) -> None:
    write(project, {"requirements.txt": requirements})
    seen = look(SERVERS)
    assert server in dict(seen.found.environment.packages)
    assert any("names no server, so tinyserver>=1.0 is added" in n for n in seen.notes) is told
    installed = dict(made(SERVERS).environment.packages)
    assert {"tinyserver", "otherserver"} & set(installed) == {server}


def test_the_project_itself_is_installed_and_its_code_comes_from_the_release(
    project: Path, made: Make
) -> None:
    write(
        project,
        {
            "pyproject.toml": """
[project]
name = "shop-site"
version = "3.2"
dependencies = ["tinytool==1.0"]
[project.scripts]
shop-price = "shop_site:price"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
""",
            "src/shop_site/__init__.py": "def price():\n    print('price 1')\n",
            "backend.py": BACKEND,
        },
    )
    first = made()
    version = "from importlib.metadata import version; print(version('shop-site'))"
    assert said(first, version) == "3.2"
    assert first.paths == ("app/src",)
    assert said(first, "import shop_site; shop_site.price()") == "price 1"
    write(project, {"src/shop_site/__init__.py": "def price():\n    print('price 2')\n"})
    second = made()
    assert second.python == first.python
    command = [str(second.environment.directory / "bin/shop-price")]
    done = Here()(Command(tuple(command), env=second.environ(), cwd=str(second.app)))
    assert done.tail == "price 2"
    assert said(first, "import shop_site; shop_site.price()") == "price 1"


# The least that makes an editable install: metadata, one line of a path, one command.
BACKEND = """
import os
import zipfile

INFO = "shop_site-3.2.dist-info"


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "shop_site-3.2-py3-none-any.whl"
    files = {
        "shop_site.pth": os.path.abspath("src"),
        f"{INFO}/METADATA": "Metadata-Version: 2.1\\nName: shop-site\\nVersion: 3.2\\n"
                            "Requires-Dist: tinytool==1.0\\n",
        f"{INFO}/WHEEL": "Wheel-Version: 1.0\\nGenerator: x\\nRoot-Is-Purelib: true\\n"
                         "Tag: py3-none-any\\n",
        f"{INFO}/entry_points.txt": "[console_scripts]\\nshop-price = shop_site:price\\n",
    }
    record = "".join(f"{path},,\\n" for path in files) + f"{INFO}/RECORD,,\\n"
    with zipfile.ZipFile(os.path.join(wheel_directory, name), "w") as archive:
        for path, text in {**files, f"{INFO}/RECORD": record}.items():
            archive.writestr(path, text)
    return name


build_wheel = build_editable
"""


@pytest.fixture
def uv_project(project: Path, environ: dict[str, str]) -> Path:
    """A project with a lock that the real uv made."""
    text = '[project]\nname = "shop"\nversion = "0"\nrequires-python = ">=3.11"\n'
    write(project, {"pyproject.toml": f'{text}dependencies = ["tinytool<2"]\n'})
    _uv(project, environ, "lock", "--python", sys.executable)
    return project


def _uv(folder: Path, environ: dict[str, str], *arguments: str) -> None:
    subprocess.run(
        [find_uv_bin(), *arguments],
        cwd=folder,
        env=environ,
        check=True,
        capture_output=True,
    )


def test_a_lock_of_uv(uv_project: Path, made: Make) -> None:
    release = made(SERVERS)
    assert dict(release.environment.packages) == {"tinytool": "1.0", "tinyserver": "1.0"}


def test_a_lock_that_is_out_of_date(uv_project: Path, state: Path, made: Make) -> None:
    file = uv_project / "pyproject.toml"
    file.write_text(file.read_text().replace("tinytool<2", "tinytool>=2"))
    with pytest.raises(ReleaseError) as told:
        made()
    assert told.value.what == "installing uv.lock failed: uv sync exited with 1"
    assert told.value.next is not None
    assert "uv lock, then try again" in told.value.next
    assert left(state) == []


def test_what_cannot_be_installed_leaves_nothing_and_says_what_the_installer_said(
    project: Path, state: Path, made: Make
) -> None:
    write(project, {"requirements.txt": "tinytool==9.9\n"})
    with pytest.raises(ReleaseError) as told:
        made()
    assert "tinytool==9.9" in (told.value.detail or "")
    assert told.value.changed == "nothing; what was installed so far is removed"
    assert left(state) == []


def test_hashes_that_do_not_fit_are_told(project: Path, state: Path, made: Make) -> None:
    write(project, {"requirements.txt": f"tinytool==1.0 --hash=sha256:{'0' * 64}\n"})
    with pytest.raises(ReleaseError) as told:
        made()
    assert "is not what requirements.txt was made from" in (told.value.next or "")
    assert left(state) == []


def test_passwords_of_indexes_are_in_no_argument_no_output_and_no_error(
    project: Path, state: Path, environ: dict[str, str]
) -> None:
    write(
        project, {"requirements.txt": "--index-url https://${PIP_USER}@localhost:9/simple\nzzz\n"}
    )
    secrets = {"PIP_USER": "bob:hunter2-in-file", "UV_INDEX": "https://eve:hunter2@localhost:9/x"}
    arguments: list[str] = []
    heard: list[str] = []

    def run(command: Command, output: Callable[[str], None] | None = None) -> object:
        arguments.extend(command.argv)
        return Here()(command, output)

    given = {**environ, **secrets, "UV_OFFLINE": "0", "UV_HTTP_RETRIES": "0"}
    with pytest.raises(ReleaseError) as told:
        build(SPEC, project, state, run=run, environ=given, progress=heard.append)  # type: ignore[arg-type]
    everything = "\n".join(
        [*arguments, *heard, told.value.what, told.value.detail or "", told.value.next or ""]
    )
    assert "localhost:9" in everything, "which index does not answer is told"
    assert "hunter2" not in everything
    assert left(state) == []


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"requirements.txt": "-e ../lib\n"}, "names ../lib, which lies outside of the project"),
        ({"requirements.txt": "-r ../more.txt\n"}, "names ../more.txt, which lies outside"),
        ({"requirements.txt": "-r more.txt\n"}, "requirements.txt names more.txt, which is not"),
        (
            {"requirements.txt": "", ".gitignore": "requirements.txt\n"},
            "requirements.txt says which packages the app needs, but git ignores it",
        ),
    ],
)
def test_what_is_not_part_of_the_release_cannot_be_installed(
    project: Path, look: Callable[..., Preview], files: dict[str, str], told: str
) -> None:
    write(project, files)
    with pytest.raises(ReleaseError, match=told):
        look()


def test_code_that_is_installed_from_the_project_makes_another_environment(
    project: Path, look: Callable[..., Preview]
) -> None:
    write(project, {"requirements.txt": "./lib\n", "lib/x.py": "1\n"})
    before = look().found.environment.hash
    write(project, {"lib/x.py": "2\n"})
    assert look().found.environment.hash != before


def test_an_environment_of_the_project_s_own_counts_before_what_it_declares(
    project: Path, venv: Path, look: Callable[..., Preview]
) -> None:
    write(project, {"requirements.txt": "tinytool==2.0\n"})
    seen = look()
    assert seen.found.recipe is None
    assert dict(seen.found.environment.packages)["tinytool"] == "1.0"
    assert any("requirements.txt says 2.0" in note for note in seen.notes)


def test_spaces_and_letters_of_all_kinds(
    tmp_path: Path, environ: dict[str, str], thawed: Callable[[Path], None]
) -> None:
    root = tmp_path / "Grüße und Küsse"
    write(root, {"shop/main.py": "app = 1\n", "requirements.txt": "tinytool==1.0\n"})
    git(root, "init", "--quiet")
    commit(root)
    state = root / ".tenfold"
    state.mkdir()
    thawed(state)
    release = build(SPEC, root, state, run=Here(), environ=environ)
    tool = release.environment.directory / "bin/tinytool"
    assert subprocess.run([tool], capture_output=True, text=True, check=True).stdout == "1.0\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_installs_as_the_user_that_builds_run_as(
    public: Path, links: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build backend of a project is a program of the project: never run by root."""
    _require_reachable(find_uv_bin())
    version = subprocess.check_output([SYSTEM_PYTHON, "--version"], text=True).split()[1]
    python = Interpreter(SYSTEM_PYTHON, version)
    monkeypatch.setattr(interpreters, "own", lambda: python)
    root = public / "shop"
    backend = f"import os\nprint(os.geteuid())\nopen('{public}/who', 'w')\n{BACKEND}"
    text = BACKEND_PROJECT
    write(root, {"shop/main.py": "app = 1\n", "pyproject.toml": text, "backend.py": backend})
    write(root, {"src/shop_site/__init__.py": ""})
    state = public / "state"
    state.mkdir(mode=0o755)
    open_links = public / "links"
    open_links.mkdir()
    for path in links.glob("*.whl"):
        (open_links / path.name).write_bytes(path.read_bytes())
    given = {**environ, "UV_FIND_LINKS": str(open_links)}
    del given["UV_CACHE_DIR"]
    with pytest.raises(ReleaseError) as told:
        build(SPEC, root, state, run=Here(NOBODY), account=NOBODY, environ=given)
    assert "Permission denied" in (told.value.detail or ""), "nobody may not write there"
    assert not (public / "who").exists()

    write(root, {"backend.py": BACKEND})
    release = build(SPEC, root, state, run=Here(NOBODY), account=NOBODY, environ=given)
    record = json.loads((release.environment.directory / environment.RECORD_NAME).read_text())
    assert record["origin"] == "pyproject.toml"
    site = next(release.environment.directory.glob("lib/*/site-packages/tinytool.py"))
    assert (site.stat().st_uid, site.stat().st_mode & 0o222) == (0, 0)


def _require_reachable(program: str) -> None:
    """As units run, they pass closed directories; here they do not."""
    try:
        subprocess.run([program, "--version"], user=NOBODY.uid, check=True, capture_output=True)
    except PermissionError:
        pytest.skip(f"{program} lies where nobody else may go")


BACKEND_PROJECT = """
[project]
name = "shop-site"
version = "3.2"
dependencies = ["tinytool==1.0"]
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
