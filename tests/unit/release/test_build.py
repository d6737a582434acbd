from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import Refused, ReleaseError
from tenfold.release.build import build, preview
from tenfold.release.record import Release
from tenfold.release.running import Here
from tenfold.release.store import Store, require_servable
from tenfold.secret import Secret
from tenfold.spec.model import AppSpec
from tenfold.spec.read import parse
from tenfold.topology.process import Command

from .conftest import NOBODY, SYSTEM_PYTHON, commit, install, site_of, write

pytestmark = pytest.mark.usefixtures("venv")


@pytest.fixture
def project(project: Path) -> Path:
    write(project, {"tenfold.toml": 'name = "shop"\napp = "shop.main:app"\n'})
    commit(project)
    return project


@pytest.fixture
def make(project: Path, state: Path) -> Callable[..., Release]:
    def build_it(toml: str = "", **more: Any) -> Release:
        return build(spec(toml), project, state, run=Here(), **more)

    return build_it


def spec(toml: str = "") -> AppSpec:
    return parse(f'name = "shop"\napp = "shop.main:app"\n{toml}')


def names(state: Path) -> list[str]:
    return sorted(path.name for path in (state / "releases").iterdir())


Make = Callable[..., Release]


def test_a_release_is_what_the_commit_says(project: Path, state: Path, make: Make) -> None:
    told: list[str] = []
    release = make(progress=told.append, runtime={"tenfold/runtime/__init__.py": b"x = 1\n"})
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project, text=True)
    assert release.id == head[:7]
    assert release.directory == state / "releases" / release.id
    assert (release.app / "shop/main.py").read_text() == (project / "shop/main.py").read_text()
    assert not (release.app / ".venv").exists()
    assert (release.runtime / "tenfold/runtime/__init__.py").read_bytes() == b"x = 1\n"
    assert release.spec() == spec()
    assert release.provenance.sentence == f"commit {head[:7]}"
    assert not release.provenance.dirty
    assert release.notes == ()
    assert Store(state).get(release.id) == release
    assert Store(state).is_usable(release)
    assert told[0].startswith("copying the environment, ")
    assert told[1] == f"copying 5 files, commit {head[:7]}"


def test_nothing_in_it_can_be_written_and_bytecode_is_there(make: Make) -> None:
    release = make(runtime={"tenfold/__init__.py": b""})
    for part in ("app", "runtime"):
        for folder, _, files in os.walk(release.directory / part):
            assert not Path(folder).stat().st_mode & 0o022, folder
            for path in (Path(folder, name) for name in files):
                assert not path.stat().st_mode & 0o222, path
    assert list((release.app / "shop/__pycache__").glob("main.*.pyc"))
    code = "import shop.main; print(shop.main.app.__code__.co_filename)"
    said = subprocess.check_output([release.python, "-c", code], cwd=release.app, text=True)
    assert said.strip() == str(release.app / "shop/main.py")


def test_the_same_content_is_the_same_release(make: Make, state: Path) -> None:
    first = make()
    told: list[str] = []
    assert make(progress=told.append) == first
    assert told == [f"release {first.id} is there already"]
    assert names(state) == [first.id]


def test_a_dirty_tree_is_released_as_it_is_and_recorded_as_such(project: Path, make: Make) -> None:
    clean = make()
    write(project, {"shop/main.py": "app = 2\n", "new.txt": ""})
    dirty = make()
    assert dirty.id.startswith(f"{clean.id}-")
    assert len(dirty.id) == 14
    assert (dirty.provenance.changed, dirty.provenance.untracked) == (1, 1)
    assert dirty.provenance.commit == clean.provenance.commit
    assert make().id == dirty.id
    commit(project)
    committed = make()
    assert committed.digest == dirty.digest
    assert "-" not in committed.id


def test_without_git_the_content_names_it(
    project: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    release = make()
    assert release.id == release.digest[:8]
    assert release.provenance.kind == "folder"
    assert not (release.app / ".venv").exists()


@pytest.mark.parametrize("change", ["package", "build", "runtime", "assets"])
def test_what_else_goes_in_makes_another_release_of_the_same_commit(
    change: str, project: Path, make: Make, venv: Path
) -> None:
    first = make()
    if change == "package":
        install(venv, "more", "1.0")
    second = {
        "package": lambda: make(),
        "build": lambda: make('[release]\nbuild = "true"'),
        "runtime": lambda: make(runtime={"x.py": b""}),
        "assets": lambda: make('[static]\nassets = { "/s" = "static" }'),
    }[change]()
    assert second.id.startswith(f"{first.id}-")
    assert second.digest != first.digest
    assert second.provenance == first.provenance


def test_a_file_keeps_its_etag_for_as_long_as_it_keeps_its_content(
    project: Path, make: Make
) -> None:
    write(project, {"static/a.css": "a{}", "static/b.css": "b{}"})
    one = make()
    write(project, {"static/a.css": "x{}"})
    os.utime(project / "static/b.css", (5, 5))
    two = make()

    def etag(release: Release, name: str) -> tuple[int, int]:
        found = (release.app / "static" / name).stat()
        return int(found.st_mtime), found.st_size

    assert etag(one, "b.css") == etag(two, "b.css")
    assert etag(one, "a.css") != etag(two, "a.css")
    assert etag(one, "a.css")[1] == etag(two, "a.css")[1]


class TestBuildCommand:
    def test_what_it_writes_is_part_of_the_release(self, project: Path, make: Make) -> None:
        write(project, {"out/.keep": ""})
        release = make(
            '[release]\nbuild = "tinytool > out/$NAME && echo $SECRET $PWD > seen"\n'
            '[static]\nassets = { "/out" = "out" }',
            variables={"NAME": "version", "SECRET": Secret("s3cret")},
        )
        assert (release.app / "out/version").read_text() == "1.0\n"
        assert (release.app / "seen").read_text().startswith("s3cret ")
        assert not (project / "out/version").exists()
        assert not (release.app / "out/version").stat().st_mode & 0o222
        assert "s3cret" not in (release.directory / "release.json").read_text()

    def test_variables_do_not_lead_to_another_python(self, make: Make) -> None:
        code = "import os, sys; open('where', 'w').write(sys.prefix + os.environ['NAME'])"
        release = make(
            "pythonpath = ['static']\n[release]\n"
            f"build = '''python -c \"{code}\" && echo $PYTHONPATH > path'''\n",
            variables=dict.fromkeys(("PATH", "VIRTUAL_ENV", "PYTHONPATH", "NAME"), "/no"),
        )
        assert (release.app / "where").read_text() == f"{release.environment.directory}/no"
        assert (release.app / "path").read_text().strip().endswith("/app/static")

    def test_python_is_the_releases_own(self, make: Make) -> None:
        code = "import sys, tinytool; open('where', 'w').write(sys.prefix)"
        release = make(f"""[release]\nbuild = '''python -c "{code}"'''\n""")
        assert (release.app / "where").read_text() == str(release.environment.directory)

    def test_a_failing_one_shows_its_output_and_leaves_nothing(
        self, make: Make, state: Path
    ) -> None:
        with pytest.raises(ReleaseError, match=r"\[release\] build exited with 3") as caught:
            make('[release]\nbuild = "echo no such module; exit 3"')
        assert caught.value.detail == "no such module"
        assert names(state) == []

    def test_a_pipe_that_it_leaves_is_refused(self, make: Make, state: Path) -> None:
        with pytest.raises(ReleaseError, match="is neither a file nor a link"):
            make('[release]\nbuild = "mkfifo pipe"')
        assert names(state) == []


class TestChecks:
    def test_assets_that_git_ignores_are_told(self, project: Path, make: Make) -> None:
        write(project, {".gitignore": "dist/\n.venv/\n", "dist/app.js": ""})
        with pytest.raises(ReleaseError, match="dist is in the project but not in the release"):
            make('[static]\nassets = { "/s" = "dist" }')

    def test_assets_that_do_not_exist_are_told(self, make: Make) -> None:
        with pytest.raises(ReleaseError, match="the directory of /s, gone does not exist"):
            make('[static]\nassets = { "/s" = "gone" }')

    def test_assets_must_not_lead_out_of_the_release(self, make: Make) -> None:
        with pytest.raises(ReleaseError, match="static/passwd would be served, but it is a link"):
            make(
                '[release]\nbuild = "ln -s /etc/passwd static/passwd"\n'
                '[static]\nassets = { "/s" = "static" }'
            )

    @pytest.mark.parametrize(
        ("app", "reason"),
        [
            ("shopp.main:app", "no module shopp.main in the release .looked in the project"),
            ("shop.mian:app", "no module shop.mian in the release .looked in"),
            ("secret:app", "it is in the project, but git ignores it"),
        ],
    )
    def test_a_missing_entry_point_is_told(
        self, project: Path, state: Path, app: str, reason: str
    ) -> None:
        write(project, {"secret.py": "", ".gitignore": "secret.py\n.venv/\n"})
        wrong = spec().model_copy(update={"app": app})
        with pytest.raises(ReleaseError, match=reason):
            build(wrong, project, state, run=Here())

    @pytest.mark.parametrize(
        "app", ["tinytool:main", "shop:app", "shop.main:app", "native:app", "generated.code:app"]
    )
    def test_entry_points_may_be_anywhere_that_is_imported_from(
        self, project: Path, state: Path, app: str
    ) -> None:
        write(project, {"native.cpython-311-x86_64-linux-gnu.so": ""})
        right = spec('[release]\nbuild = "mkdir generated && touch generated/code.py"')
        assert build(right.model_copy(update={"app": app}), project, state, run=Here())


class TestImportPaths:
    def test_an_editable_install_of_the_project(
        self, project: Path, venv: Path, make: Make
    ) -> None:
        write(project, {"src/shoplib.py": "place = __file__\n"})
        (site_of(venv) / "_shop.pth").write_text(f"{project}/src\n{project}\n")
        release = make()
        assert release.paths == ("app/src", "app")
        said = run(release, "import shoplib; print(shoplib.place)")
        assert said == str(release.app / "src/shoplib.py")

    def test_an_editable_install_of_something_else_is_released_too(
        self, project: Path, venv: Path, make: Make, tmp_path: Path
    ) -> None:
        write(tmp_path, {"library/src/lib.py": "value = 1\n"})
        (site_of(venv) / "lib.pth").write_text(f"{tmp_path}/library/src\n")
        release = make()
        assert release.paths == ("extra/0-src",)
        assert release.notes == (
            f"{tmp_path}/library/src is released, too: the environment imports from it",
        )
        write(tmp_path, {"library/src/lib.py": "value = 2\n"})
        assert run(release, "import lib; print(lib.value)") == "1"
        newer = make()
        assert newer.id != release.id
        assert run(newer, "import lib; print(lib.value)") == "2"

    def test_named_ones(self, project: Path, make: Make) -> None:
        write(project, {"lib/shoplib.py": ""})
        release = make('pythonpath = ["lib"]')
        assert release.pythonpath == (str(release.app / "lib"),)
        run(release, "import shoplib")

    def test_named_ones_that_are_not_there(self, make: Make) -> None:
        with pytest.raises(ReleaseError, match="the import directory lib does not exist"):
            make('pythonpath = ["lib"]')


def run(release: Release, code: str) -> str:
    env = release.environ(os.environ["PATH"])
    argv = ["python", "-c", code]
    return subprocess.check_output(argv, cwd=release.app, env=env, text=True).strip()


def test_the_environment_of_commands(make: Make) -> None:
    release = make()
    env = release.environ("/bin")
    assert env["PATH"] == f"{release.environment.directory}/bin:/bin"
    assert env["VIRTUAL_ENV"] == str(release.environment.directory)
    assert "PYTHONPATH" not in env


def test_a_preview_writes_nothing(project: Path, state: Path, make: Make) -> None:
    seen = preview(spec(), project, state, run=Here())
    assert not list(state.iterdir())
    assert seen.exists is None
    release = make()
    assert (release.id, release.digest) == (seen.id, seen.digest)
    again = preview(spec(), project, state, run=Here())
    assert again.exists == release


def test_a_damaged_release_is_not_used_again(make: Make, state: Path) -> None:
    release = make()
    (release.app / "shop").chmod(0o755)
    (release.app / "shop/main.py").unlink()
    other = make()
    assert other.id == f"{release.id}-{release.digest[:6]}"
    assert (other.app / "shop/main.py").exists()


def test_only_what_is_as_it_was_built_may_serve(make: Make, project: Path, state: Path) -> None:
    release, store = make(), Store(state)
    assert require_servable(store, release.id, project, Here()) == release
    with pytest.raises(Refused, match="release gone is not there any more"):
        require_servable(store, "gone", project, Here())
    python = site_of(release.environment.directory) / "tinytool.py"
    kept = python.read_bytes()
    python.unlink()
    with pytest.raises(Refused, match=r"the environment .* is incomplete or was moved"):
        require_servable(store, release.id, project, Here())
    python.write_bytes(kept)
    (release.app / "shop/main.py").unlink()
    with pytest.raises(Refused, match=r"release .* is incomplete, so it cannot serve"):
        require_servable(store, release.id, project, Here())


def test_a_damaged_record_does_not_stop_the_next_build(make: Make, project: Path) -> None:
    release = make()
    record = release.directory / "release.json"
    record.write_text("{")
    with pytest.raises(ReleaseError, match=r"release\.json is damaged"):
        Store(release.directory.parent.parent).get(release.id)
    assert make().id != release.id


def test_a_record_of_a_newer_version_says_so(make: Make, state: Path) -> None:
    release = make()
    record = release.directory / "release.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "format": 2}))
    with pytest.raises(ReleaseError, match="was written by a newer Tenfold"):
        Store(state).get(release.id)


def test_what_changes_meanwhile_gives_the_release_of_what_was_copied(
    project: Path, make: Make
) -> None:
    def change(text: str) -> None:
        if text.startswith("copying 5 files"):
            write(project, {"shop/main.py": "app = 'changed'\n"})

    release = make(progress=change)
    assert (release.app / "shop/main.py").read_text() == "app = 'changed'\n"
    assert release.digest == make().digest


BUILDS = """
import os, sys, signal, pathlib
from tenfold.release.build import build
from tenfold.release.running import Here
from tenfold.spec.read import load

project, state, point = map(pathlib.Path, sys.argv[1:])

def progress(text):
    if text.startswith(str(point)):
        os.kill(os.getpid(), signal.SIGKILL)

print(build(load(project), project, state, run=Here(), progress=progress).id)
"""


def start(project: Path, state: Path, point: str = "never") -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", BUILDS, str(project), str(state), point]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("point", ["copying the environment", "copying 5", "building"])
def test_a_killed_build_leaves_a_partial_that_the_next_one_removes(
    project: Path, state: Path, make: Make, point: str
) -> None:
    toml = project / "tenfold.toml"
    toml.write_text(toml.read_text() + '[release]\nbuild = "true"\n')
    commit(project)
    with start(project, state, point) as killed:
        assert killed.wait() == -9
    assert all(name.endswith(".partial") for name in names(state))
    release = make('[release]\nbuild = "true"')
    assert names(state) == [release.id]
    assert [path.name for path in (state / "envs").iterdir()] == [release.environment.hash]


def test_two_builds_at_once_give_the_same_release(project: Path, state: Path) -> None:
    with start(project, state) as one, start(project, state) as two:
        ids = {process.communicate(timeout=100)[0].strip() for process in (one, two)}
    assert one.returncode == two.returncode == 0
    assert names(state) == sorted(ids)
    assert len(ids) == 1
    assert Store(state).is_usable(Store(state).releases()[0])


class TestNoRoom:
    @pytest.fixture
    def state(self, small_disk: Path) -> Path:
        return small_disk

    @pytest.fixture
    def recorded(self) -> AppSpec:
        if not SYSTEM_PYTHON.exists():
            pytest.skip("every environment would be copied")
        return spec(f'python = "{SYSTEM_PYTHON}"')

    def test_for_the_environment(self, venv: Path, state: Path, make: Make) -> None:
        (site_of(venv) / "big.so").write_bytes(b"x" * (2 << 20))
        with pytest.raises(ReleaseError, match=r"no room in .*/envs: .* bytes are needed"):
            make()
        assert left(state) == []

    def test_for_the_files(self, project: Path, state: Path, recorded: AppSpec) -> None:
        (project / "big.bin").write_bytes(b"x" * (2 << 20))
        with pytest.raises(ReleaseError, match=r"no room in .*: 2,097,"):
            build(recorded, project, state, run=Here())
        assert left(state) == []

    def test_for_what_is_added_meanwhile(
        self, project: Path, state: Path, recorded: AppSpec
    ) -> None:
        def grow(text: str) -> None:
            (project / "static/site.css").write_bytes(b"x" * (2 << 20))

        with pytest.raises(ReleaseError, match="no room in") as caught:
            build(recorded, project, state, run=Here(), progress=grow)
        assert str(state) in caught.value.what
        assert left(state) == []

    def test_on_a_read_only_disk(self, state: Path, make: Make) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(state)], check=True)
        with pytest.raises(ReleaseError, match="releases: read-only file system"):
            make()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
class TestPermissions:
    def test_a_state_directory_that_cannot_be_written(self, state: Path, make: Make) -> None:
        state.chmod(0o555)
        with pytest.raises(ReleaseError, match="releases: permission denied"):
            make()

    def test_a_folder_that_cannot_be_read(self, tmp_path: Path, venv: Path, state: Path) -> None:
        write(tmp_path / "bare", {"app.py": "", "closed/x": ""})
        (tmp_path / "bare/closed").chmod(0)
        wanted = spec(f'python = "{venv}/bin/python"')
        with pytest.raises(ReleaseError, match=r"closed.*: permission denied"):
            build(wanted, tmp_path / "bare", state, run=Here())
        (tmp_path / "bare/closed").chmod(0o755)

    def test_a_package_that_cannot_be_read(self, venv: Path, make: Make, state: Path) -> None:
        (site_of(venv) / "tinytool.py").chmod(0)
        with pytest.raises(ReleaseError, match=r"tinytool\.py: permission denied"):
            make()
        assert left(state) == []


def left(state: Path) -> list[str]:
    return [str(path) for path in state.rglob("*") if path.name not in ("envs", "releases")]


@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEM_PYTHON.exists(), reason="needs root")
def test_as_root_the_build_runs_as_somebody_else_and_keeps_nothing_writable(public: Path) -> None:
    project, state = public / "shop", public / "state"
    write(
        project,
        {"main.py": "app = 1\n", "key.pem": "secret", "tenfold.toml": ""},
    )
    (project / "key.pem").chmod(0o600)
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    state.mkdir()
    toml = '[release]\nbuild = "id -u > built; mkdir out; umask 077; id -u > out/private"\n'
    wanted = spec(toml).model_copy(update={"app": "main:app"})
    release = build(wanted, project, state, run=Here(NOBODY), account=NOBODY)
    assert (release.app / "built").read_text() == "65534\n"
    assert list((release.app / "__pycache__").glob("main.*.pyc"))
    for folder, folders, files in os.walk(release.directory):
        for name in (*folders, *files):
            found = Path(folder, name).lstat()
            assert found.st_uid == 0, name
            assert not found.st_mode & 0o022, name
    read = "cat key.pem out/private built; touch new; touch main.py; true"
    said = Here(NOBODY)(Command(("/bin/sh", "-c", read), cwd=str(release.app))).tail
    assert said.startswith("secret65534\n65534\n")
    assert said.count("Permission denied") == 2
