from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release.source import Source, survey

from .conftest import NOBODY, commit, git, write

TRACKED = (".gitignore", "shop/__init__.py", "shop/main.py", "static/site.css")


def test_a_clean_commit(project: Path) -> None:
    head = commit(project)
    source = survey(project)
    assert source.files == TRACKED
    assert (source.kind, source.commit, source.dirty) == ("git", head, False)
    assert source.sentence == f"commit {head[:7]}"
    assert source.notes == ()


def test_changed_deleted_and_new_files_are_released_and_recorded(project: Path) -> None:
    write(project, {"old.py": "", "app.log": "", ".venv/x.py": ""})
    head = commit(project)
    write(project, {"shop/main.py": "changed", "new.py": "", "more.log": ""})
    (project / "old.py").unlink()
    source = survey(project)
    assert source.files == (".gitignore", "new.py", *TRACKED[1:])
    assert (source.commit, source.changed, source.untracked) == (head, 2, 1)
    assert source.sentence == f"commit {head[:7]} and 2 changed files and 1 untracked file"


def test_before_the_first_commit(project: Path) -> None:
    source = survey(project)
    assert source.files == TRACKED
    assert (source.commit, source.untracked) == (None, 4)
    assert source.sentence == "no commit yet and 4 untracked files"


def test_what_is_staged_counts_as_changed(project: Path) -> None:
    commit(project)
    write(project, {"new.py": ""})
    git(project, "add", "new.py")
    source = survey(project)
    assert (source.changed, source.untracked) == (1, 0)
    assert "new.py" in source.files


def test_a_project_below_a_bigger_repository(project: Path) -> None:
    commit(project)
    write(project, {"README": "changed elsewhere"})
    source = survey(project / "shop")
    assert source.files == ("__init__.py", "main.py")
    assert not source.dirty


def test_a_folder_that_the_outer_repository_ignores_has_no_git(project: Path) -> None:
    commit(project)
    write(project, {".venv/app/main.py": "", ".venv/app/node_modules/x.js": ""})
    source = survey(project / ".venv/app")
    assert (source.kind, source.files) == ("folder", ("main.py",))
    assert source.sentence == "no git: every file but the usual leftovers"


def test_a_machine_without_git(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(project)
    monkeypatch.setenv("PATH", "/nonexistent")
    source = survey(project)
    assert (source.kind, source.commit, source.files) == ("folder", None, TRACKED)


def test_variables_of_a_git_hook_do_not_lead_elsewhere(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = commit(project)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other/.git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other/index"))
    assert survey(project).commit == head


def test_the_index_is_not_touched(project: Path) -> None:
    commit(project)
    os.utime(project / "shop/main.py", (1, 1))
    before = (project / ".git/index").read_bytes()
    assert not survey(project).dirty
    assert (project / ".git/index").read_bytes() == before


def test_a_repository_that_git_cannot_read_is_not_taken_for_none(project: Path) -> None:
    commit(project)
    (project / ".git/index").write_bytes(b"broken")
    with pytest.raises(ReleaseError, match="git cannot read the repository") as caught:
        survey(project)
    assert "index" in str(caught.value.detail)


def test_leftovers_that_nobody_ignored_stay_behind(project: Path) -> None:
    (project / ".gitignore").unlink()
    write(
        project,
        {
            ".tenfold/journal": "", "shop/__pycache__/main.pyc": "", "old.pyc": "",
            "env/pyvenv.cfg": "", "env/lib/x.py": "", "node_modules/b.js": "", ".mypy_cache/x": "",
        },
    )  # fmt: skip
    assert survey(project).files == TRACKED[1:]
    git(project, "add", "-f", ".tenfold/journal", "env/lib/x.py")
    assert survey(project).files == ("env/lib/x.py", *TRACKED[1:])


def test_without_git_all_but_leftovers(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "app.py": "", ".env": "", "data/db.sqlite3": "", "big/node_modules/x": "", ".hg/x": "",
            "v/pyvenv.cfg": "", "v/lib/x.py": "", "a/__pycache__/b.pyc": "", ".tenfold/x": "",
        },
    )  # fmt: skip
    os.mkfifo(tmp_path / "pipe")
    assert survey(tmp_path).files == (".env", "app.py", "data/db.sqlite3")


def test_an_ignored_env_file_is_told(project: Path) -> None:
    (project / ".gitignore").write_text(".env\n")
    write(project, {".env": "KEY=1"})
    assert survey(project).notes[0].startswith(".env is ignored by git, so not released")


def test_odd_names(project: Path) -> None:
    names = ["a b", "new\nline", "tab\t", "größe", 'quote"', "back\\slash", "-rf", "*", "日本"]
    write(project, dict.fromkeys(names, ""))
    raw = os.fsencode(project) + b"/bytes-\xff\xfe"
    Path(os.fsdecode(raw)).write_text("")
    found = survey(project).files
    assert {*names, "bytes-\udcff\udcfe"} <= set(found)
    commit(project)
    clean = survey(project)
    assert clean.files == found
    assert not clean.dirty


def test_nothing_to_release(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="there is no file to release"):
        survey(tmp_path)


class TestSubmodules:
    @pytest.fixture
    def library(self, tmp_path: Path) -> Path:
        root = tmp_path / "library"
        root.mkdir()
        git(root, "init", "--quiet")
        write(root, {"lib.py": "", ".gitignore": "*.log\n"})
        commit(root)
        return root

    def test_their_files_belong_to_the_release(self, project: Path, library: Path) -> None:
        git(project, "submodule", "--quiet", "add", str(library), "vendor/library")
        commit(project)
        write(project, {"vendor/library/x.log": ""})
        source = survey(project)
        assert {"vendor/library/lib.py", ".gitmodules"} <= set(source.files)
        assert "vendor/library/x.log" not in source.files
        assert not source.dirty

    def test_what_changed_in_them_is_recorded(self, project: Path, library: Path) -> None:
        git(project, "submodule", "--quiet", "add", str(library), "library")
        commit(project)
        write(project, {"library/lib.py": "changed", "library/new.py": ""})
        source = survey(project)
        assert (source.changed, source.untracked) == (1, 1)
        assert "library/new.py" in source.files

    def test_one_that_is_not_checked_out_is_refused(self, project: Path, library: Path) -> None:
        git(project, "submodule", "--quiet", "add", str(library), "library")
        commit(project)
        git(project, "submodule", "--quiet", "deinit", "--force", "library")
        with pytest.raises(ReleaseError, match="the submodule library is not checked out"):
            survey(project)

    def test_a_clone_that_was_put_there_is_released_too(self, project: Path, library: Path) -> None:
        commit(project)
        git(project, "clone", "--quiet", str(library), "cloned")
        source = survey(project)
        assert "cloned/lib.py" in source.files


class TestLinks:
    @pytest.mark.parametrize(
        ("name", "target"),
        [("css", "static"), ("shop/style.css", "../static/site.css"), ("dangling", "gone")],
    )
    def test_inside_the_project_they_are_released(
        self, project: Path, name: str, target: str
    ) -> None:
        (project / name).symlink_to(target)
        assert name in survey(project).files

    @pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "static/../../outside"])
    def test_out_of_the_project_they_are_refused(self, project: Path, target: str) -> None:
        (project / "shop/data").symlink_to(f"../{target}" if target[0] != "/" else target)
        with pytest.raises(ReleaseError, match=r"shop/data is a link to .*not part of the project"):
            survey(project)

    def test_into_the_project_by_its_place_they_are_refused(self, project: Path) -> None:
        (project / "css").symlink_to(project / "static")
        with pytest.raises(ReleaseError, match=r"css is a link to .*: make it relative"):
            survey(project)

    def test_by_way_of_another_link_they_are_refused(self, project: Path) -> None:
        write(project, {"a/b/c/file": ""})
        (project / "a/b/up").symlink_to("../..")
        (project / "a/b/out").symlink_to("up/../outside")
        with pytest.raises(ReleaseError, match="a/b/out is a link"):
            survey(project)

    def test_a_linked_folder_is_not_walked(self, project: Path) -> None:
        (project / "css").symlink_to("static")
        assert "css/site.css" not in survey(project).files


class TestCommandsInARepository:
    """A clone or an archive may name commands in its configuration; reading it runs none."""

    @pytest.fixture
    def marker(self, tmp_path: Path) -> Path:
        return tmp_path / "ran"

    @pytest.fixture
    def shaped(self, project: Path, marker: Path) -> Path:
        """A folder that git takes for a repository without a work tree, with commands."""
        folder = project / "vendor"
        git(project, "init", "--quiet", "--bare", str(folder))
        write(folder, {"main.py": "", "hooks/post-index-change": f"#!/bin/sh\ntouch {marker}\n"})
        (folder / "hooks/post-index-change").chmod(0o755)
        settings = f'bare = false\nworktree = {folder}\nfsmonitor = "touch {marker};false"\n'
        (folder / "config").write_text(f"[core]\nrepositoryformatversion = 0\n{settings}")
        return folder

    def test_the_trap_works(self, shaped: Path, marker: Path) -> None:
        git(shaped, "status")
        assert marker.exists()

    def test_below_the_project(self, project: Path, shaped: Path, marker: Path) -> None:
        commit(project)
        assert "vendor/main.py" in survey(project).files
        assert not marker.exists()

    def test_as_the_project_itself(self, shaped: Path, marker: Path) -> None:
        with pytest.raises(ReleaseError, match="git cannot read the repository") as caught:
            survey(shaped)
        assert "bare" in (caught.value.detail or "")
        assert not marker.exists()

    @pytest.mark.parametrize("key", ["core.fsmonitor", "filter.x=y.clean", "filter.x=y.process"])
    def test_in_the_projects_own_repository(self, project: Path, marker: Path, key: str) -> None:
        write(project, {".gitattributes": "*.py filter=x=y\n"})
        commit(project)
        if key.startswith("filter"):
            git(project, "config", "filter.x=y.required", "true")
        git(project, "config", key, f"touch {marker};false")
        (project / "shop/main.py").touch()
        assert "shop/main.py" in survey(project).files
        assert not marker.exists()

    def test_a_hook(self, project: Path, marker: Path) -> None:
        hook = project / ".git/hooks/post-index-change"
        write(project, {".git/hooks/post-index-change": f"#!/bin/sh\ntouch {marker}\n"})
        hook.chmod(0o755)
        commit(project)
        marker.unlink()
        (project / "shop/main.py").touch()
        survey(project)
        assert not marker.exists()

    def test_filters_of_the_person_run(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As git-lfs installs them; without, every file that it keeps would count as changed."""
        (tmp_path / ".gitconfig").write_text('[filter "x"]\nclean = tr a-z A-Z\n')
        monkeypatch.setenv("HOME", str(tmp_path))
        write(project, {".gitattributes": "*.txt filter=x\n", "a.txt": "LOUD"})
        commit(project)
        (project / "a.txt").write_text("loud")
        assert survey(project).changed == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look at what others own")
def test_root_asks_git_as_the_owner_of_the_folder(public: Path) -> None:
    """Git refuses a repository that is not its user's, so that it is read shows who reads it."""
    git(public, "init", "--quiet")
    write(public, {"app.py": ""})
    head = commit(public)
    for folder, names, files in os.walk(public):
        for name in (*names, *files, "."):
            os.lchown(Path(folder, name), NOBODY.uid, NOBODY.gid)
    assert survey(public).commit == head


def test_the_sentence_of_a_folder() -> None:
    assert Source(Path("/x"), ("a",), "folder").sentence.startswith("no git")
