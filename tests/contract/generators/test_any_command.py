"""``[static] build`` with commands of a shell: what goes right, and every way to go wrong."""

from __future__ import annotations

import os
import pwd
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from tests.support.project import Project

from tenfold.deployment.exporting import Exported, Request, export
from tenfold.errors import ExportError, Interrupted, Locked, Refused, TenfoldError
from tenfold.export.folder import UNTOUCHED
from tenfold.state.layout import Layout

GOOD = "mkdir -p public && echo '<h1>bread</h1>' > public/index.html"


class Heard:
    """A listener that remembers, and may be told what to do at a line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.at: dict[str, Callable[[], None]] = {}

    def doing(self, text: str) -> None:
        self.lines.append(text)
        self.at.get(text, lambda: None)()

    def done(self, text: str, seconds: float) -> None:
        self.lines.append(text)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path / "bakery")
    made.path.mkdir()
    say(made, GOOD)
    yield made
    assert made.processes() == []


def say(project: Project, build: str, output: str = "public", more: str = "") -> None:
    text = f"name = \"bakery\"\n\n[static]\nbuild = '''{build}'''\noutput = \"{output}\"\n{more}"
    (project.path / "tenfold.toml").write_text(text)


def exported(project: Project, heard: Heard | None = None, **request: object) -> Exported:
    return export(Layout(project.path), Request(**request), heard or Heard())  # type: ignore[arg-type]


def failed(
    project: Project, kind: type[TenfoldError] = ExportError, **request: object
) -> TenfoldError:
    with pytest.raises(kind) as told:
        exported(project, **request)
    return told.value


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in files}


def test_a_site_is_made_again_and_again_and_is_of_no_release(project: Project) -> None:
    made = exported(project)
    assert (made.release, made.folder) == (None, project.path / "dist")
    assert (made.report.pages, made.report.files, made.report.findings) == (1, 1, ())
    assert tree(made.folder) == {"index.html": "<h1>bread</h1>\n"}
    say(project, "mkdir -p public && rm public/* && echo cake > public/cake.html")
    assert set(tree(exported(project).folder)) == {"cake.html"}
    assert set(os.listdir(project.path / ".tenfold")) == {
        ".gitignore", "exports.json", "build.lock",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("build", "what", "next"),
    [
        (f"{GOOD}; hugoo --minify", "hugoo is not there", "install it"),
        (f"{GOOD}; echo half > public/half.html; exit 3", "exited with 3", "make it work"),
        (f"{GOOD}; kill -9 $$", "ended by SIGKILL", "memory"),
        ("true", "there is no folder public", "names the folder"),
        ("mkdir -p public", "public is empty", "names the folder"),
        (f"{GOOD}; touch public/.env", "holds what cannot be part", "leave it out"),
        (f"{GOOD}; ln -s /etc/passwd public/x", "holds what cannot be part", "leave it out"),
        (f"{GOOD}; touch public/Index.html", "cannot be beside", "names"),
        ("ln -sfn /etc public", "leads out of the project", "of the project's own"),
    ],
)
def test_what_goes_wrong_is_told_and_what_was_exported_stays(
    project: Project, build: str, what: str, next: str
) -> None:
    before = tree(exported(project).folder)
    for path in (project.path / "public").iterdir():
        path.unlink()
    (project.path / "public").rmdir()
    say(project, build)
    error = failed(project, TenfoldError)
    assert what in error.what
    assert next in (error.next or "")
    assert error.changed in (UNTOUCHED, None)
    assert tree(project.path / "dist") == before
    assert not [name for name in os.listdir(project.path) if name.endswith(".partial")]


def test_the_last_lines_are_told_without_secrets_and_colours(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SHELL", "swordfish")
    say(
        project,
        "seq 100; printf '\\033[31mkey %s\\033[0m\\n' $SITE_KEY; exit 1",
        more='\n[env]\nSITE_KEY = "${OF_THE_SHELL}"\n',
    )
    heard = Heard()
    with pytest.raises(ExportError) as told:
        exported(project, heard)
    lines = (told.value.detail or "").splitlines()
    assert (len(lines), lines[-2:]) == (40, ["100", "key ********"])
    assert "swordfish" not in "\n".join(heard.lines)
    assert "50" in heard.lines, "it is told as it happens"


def test_it_is_given_the_callers_variables_its_own_and_the_projects_programs(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_SHELL", "swordfish")
    monkeypatch.setenv("HUGO_ENV", "production")
    for name in (".venv/bin/from-venv", "node_modules/.bin/from-node"):
        program = project.path / name
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\necho $0\n")
        program.chmod(0o755)
    say(
        project,
        "mkdir -p public; echo $HUGO_ENV $SITE_KEY $PWD >public/index.html; from-venv; from-node",
        more='\n[env]\nSITE_KEY = "${OF_THE_SHELL}"\n',
    )
    made = exported(project)
    assert tree(made.folder) == {"index.html": f"production swordfish {project.path}\n"}


def test_what_is_found_is_told_and_strict_lets_none_of_it_pass(project: Project) -> None:
    exported(project)
    before = tree(project.path / "dist")
    say(project, "echo '<a href=/gone>x</a>' > public/index.html")
    error = failed(project, strict=True)
    assert "--strict lets none pass" in error.what
    assert "/gone is no file of the site  (/)" in (error.detail or "")
    assert tree(project.path / "dist") == before
    [broken] = exported(project).report.findings
    assert (broken.kind, broken.subject, broken.sources) == ("broken", "/gone", ("/",))


def test_files_that_no_export_wrote_are_not_replaced_and_nothing_is_built(project: Project) -> None:
    exported(project)
    (project.path / "dist/CNAME").write_text("example.org")
    say(project, "touch built")
    assert "CNAME" in (failed(project, Refused).detail or "")
    assert not (project.path / "built").exists()
    say(project, GOOD)
    assert set(tree(exported(project, replace=True).folder)) == {"index.html"}


def test_a_generator_that_writes_dist_itself_is_left_at_that(project: Project) -> None:
    say(project, "mkdir -p dist && echo a > dist/index.html && echo $$ > dist/own", "dist")
    made = exported(project)
    assert made.folder == project.path / "dist"
    assert (made.report.files, set(tree(made.folder))) == (2, {"index.html", "own"})
    assert set(tree(exported(project).folder)) == {"index.html", "own"}, (
        "its own files are no others"
    )
    say(project, "rm dist/index.html; exit 1", "dist")
    assert "dist may hold a part of a site" in (failed(project).changed or "")
    say(project, "echo '<a href=/gone>' > dist/index.html", "dist")
    assert "dist may hold a part" in (failed(project, strict=True).changed or "")


def test_the_place_and_the_output_do_not_lie_in_each_other(project: Project) -> None:
    say(project, "mkdir -p dist/html && echo a > dist/html/index.html && touch built", "dist/html")
    assert "lie in each other" in failed(project, Refused).what
    assert not (project.path / "built").exists()
    assert "lie in each other" in failed(project, Refused, into=project.path / "dist/html/x").what
    made = exported(project, into=project.path / "dist/html")
    assert tree(made.folder) == {"index.html": "a\n"}
    with pytest.raises(Refused, match="no place for an export"):
        exported(project, into=project.path)


def test_what_takes_too_long_is_ended_with_all_that_it_began(project: Project) -> None:
    say(project, "sleep 301 & echo begun; sleep 302", more='build_timeout = "500ms"')
    error = failed(project)
    assert "was ended after 0.5 s" in error.what
    assert "build_timeout" in (error.next or "")
    assert error.detail == "begun"


def test_what_it_leaves_in_the_background_ends_with_it(project: Project) -> None:
    say(project, f"sleep 303 & {GOOD}")
    exported(project)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_ends_with_its_children_and_the_site_stays(
    project: Project, number: signal.Signals
) -> None:
    before = tree(exported(project).folder)
    say(project, f"{GOOD}; echo half > public/index.html; touch begun; sleep 304; true")
    command = project.start("export", "static")
    deadline = time.monotonic() + 60
    while not (project.path / "begun").exists():
        assert command.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    children = psutil.Process(command.pid).children(recursive=True)
    command.send_signal(number)
    said, _ = command.communicate(timeout=30)
    assert command.returncode == 130
    assert "nothing: what was exported before is as it was" in said
    assert children
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert tree(project.path / "dist") == before


def test_interrupted_where_it_writes_dist_itself_it_says_so(project: Project) -> None:
    say(project, "mkdir dist; echo half > dist/index.html; echo now; sleep 305", "dist")

    def interrupt() -> None:
        raise KeyboardInterrupt

    heard = Heard()
    heard.at["now"] = interrupt
    with pytest.raises(Interrupted) as told:
        exported(project, heard)
    assert "dist may hold a part of a site" in (told.value.changed or "")


def test_two_do_not_build_at_once(project: Project) -> None:
    say(project, f"{GOOD}; echo now; cat waits")
    os.mkfifo(project.path / "waits")
    heard, refused = Heard(), []

    def again() -> None:
        refused.append(failed(project, Locked))
        (project.path / "waits").write_text("go on")

    heard.at["now"] = lambda: threading.Thread(target=again).start()
    exported(project, heard)
    assert refused[0].next == "wait for it"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes somebody else")
def test_root_builds_as_the_projects_owner(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = pwd.getpwnam("nobody")
    monkeypatch.setenv("OF_ROOT", "secret")
    for folder in (project.path, *list(project.path.parents)[:2]):
        folder.chmod(0o755)
    os.chown(project.path, owner.pw_uid, owner.pw_gid)
    say(project, "mkdir public; echo $(id -u) $(id -G) ${OF_ROOT:-none} > public/index.html")
    made = exported(project)
    assert tree(made.folder)["index.html"] == f"{owner.pw_uid} {owner.pw_gid} none\n"


def test_without_an_app_there_is_nothing_to_run(project: Project) -> None:
    refused = project.tenfold("up", "--stage", "10")
    assert refused.returncode == 1
    assert "there is no app to run: tenfold.toml has a static site alone" in refused.stderr
