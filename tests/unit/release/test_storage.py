"""User files: every release has the same ones, and nothing is ever replaced."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.errors import Refused, ReleaseError
from tenfold.release import storage
from tenfold.release.build import build, preview
from tenfold.release.record import Release
from tenfold.release.running import Here
from tenfold.release.store import Store
from tenfold.release.written import written
from tenfold.spec.read import parse

from .conftest import NOBODY, commit, write

FILE = 'name = "shop"\napp = "shop.main:app"\n'
KEEPS = FILE + '[storage]\ndirs = ["media", "var/papers"]\n'


def make(project: Path, state: Path, text: str = KEEPS, more: str = "") -> Release:
    return build(parse(text + more), project, state, run=Here())


def bring(kept: Path, batch: storage.Batch, tell: Callable[[str], None] = lambda _: None) -> None:
    storage.ensure(kept, batch.directory, None)
    storage.bring(kept, batch, None, tell)


@pytest.fixture
def kept(state: Path) -> Path:
    state.mkdir(exist_ok=True)
    return Store(state).storage


def test_a_release_has_links_in_place_of_the_projects_files(
    project: Path, venv: Path, state: Path, kept: Path
) -> None:
    write(project, {"media/cat.jpg": "cat", "var/papers/a.pdf": "a", "var/other": "x"})
    commit(project)
    release = make(project, state)
    assert os.readlink(release.app / "media") == "../../../storage/media"
    assert os.readlink(release.app / "var/papers") == "../../../../storage/var/papers"
    assert (release.app / "var/other").read_text() == "x"
    bring(kept, storage.of_project(project, "media"))
    assert (release.app / "media/cat.jpg").read_text() == "cat"
    (release.app / "media/dog.jpg").write_text("dog")
    assert (kept / "media/dog.jpg").read_text() == "dog"
    assert written(release) == ()
    assert Store(state).is_whole(release)


def test_what_users_bring_makes_no_other_release(project: Path, venv: Path, state: Path) -> None:
    write(project, {"media/cat.jpg": "cat"})
    commit(project)
    release = make(project, state)
    write(project, {"media/cat.jpg": "another", "media/dog.jpg": "dog"})
    seen = preview(parse(KEEPS), project, state, run=Here())
    assert (seen.id, seen.source.sentence) == (release.id, f"commit {release.id}")


def test_without_git_they_are_left_out_too(tmp_path: Path, venv: Path, state: Path) -> None:
    project = tmp_path / "plain"
    write(project, {"shop/main.py": "app = 1", "media/cat.jpg": "cat"})
    (project / ".venv").symlink_to(venv)
    release = build(parse(KEEPS), project, state, run=Here())
    assert (release.app / "media").is_symlink()


def test_a_build_sees_them_and_may_not_replace_the_directory(
    project: Path, venv: Path, state: Path, kept: Path
) -> None:
    write(project, {"media/cat.jpg": "cat"})
    commit(project)
    bring(kept, storage.of_project(project, "media"))
    make(project, state, more='[release]\nbuild = "cat media/cat.jpg > static/made"\n')
    with pytest.raises(ReleaseError, match="replaced media"):
        make(project, state, more='[release]\nbuild = "rm media && mkdir media"\n')


def test_a_link_on_the_way_is_refused(project: Path, venv: Path, state: Path) -> None:
    write(project, {"data/x": ""})
    (project / "var").symlink_to("data")
    commit(project)
    with pytest.raises(ReleaseError, match="var is a link"):
        make(project, state)


def test_nothing_is_replaced_and_repeating_changes_nothing(project: Path, kept: Path) -> None:
    write(project, {"media/a": "old", "media/sub/b": "b", "media/sub/.gitkeep": ""})
    (project / "media/sub/link").symlink_to("../a")
    os.utime(project / "media/a", (1_000_000, 1_000_000))
    storage.ensure(kept, "media", None)
    write(kept, {"media/a": "the users'"})
    for _ in range(2):
        bring(kept, storage.of_project(project, "media"))
    assert (kept / "media/a").read_text() == "the users'"
    assert (kept / "media/sub/b").read_text() == "b"
    assert os.readlink(kept / "media/sub/link") == "../a"
    assert sorted(p.name for p in kept.rglob("*")) == ["a", "b", "link", "media", "sub"]
    assert storage.missing(kept, storage.of_project(project, "media")).names == ()
    assert storage.conflicts(kept, storage.of_project(project, "media")) == ("media/a",)


def test_time_and_permissions_come_along_and_read_only_does_not(project: Path, kept: Path) -> None:
    write(project, {"media/a": "x"})
    (project / "media/a").chmod(0o444)
    os.utime(project / "media/a", (1_000_000, 1_000_000))
    bring(kept, storage.of_project(project, "media"))
    found = (kept / "media/a").stat()
    assert (found.st_mode & 0o7777, found.st_mtime) == (0o644, 1_000_000)
    assert (kept / "media").stat().st_mode & 0o7777 == 0o700


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret", "../tenfold.toml"])
def test_links_that_lead_out_are_refused(project: Path, target: str) -> None:
    write(project, {"media/a": "x"})
    (project / "media/leads").symlink_to(target)
    with pytest.raises(Refused, match=r"media/leads is a link"):
        storage.of_project(project, "media")


def test_a_directory_that_is_a_link_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "media").symlink_to(tmp_path)
    with pytest.raises(Refused, match="no directory of the project"):
        storage.of_project(project, "media")


def test_there_need_not_be_any(project: Path, kept: Path) -> None:
    assert storage.of_project(project, "media").names == ()
    bring(kept, storage.of_project(project, "media"))
    assert (kept / "media").is_dir()


def test_what_an_interrupted_copy_left_goes_and_no_half_file_counts(
    project: Path, kept: Path
) -> None:
    write(project, {"media/a": "whole"})
    storage.ensure(kept, "media", None)
    write(kept, {".incoming-1/x": "wh"})
    bring(kept, storage.of_project(project, "media"))
    assert (kept / "media/a").read_text() == "whole"
    assert not (kept / ".incoming-1").exists()


def test_names_with_every_character(project: Path, kept: Path) -> None:
    names = ["a b", "größe 猫", "'q\"", "line\nfeed", os.fsdecode(b"\xff")]
    write(project, {f"media/{name}": name.encode("utf-8", "replace").decode() for name in names})
    bring(kept, storage.of_project(project, "media"))
    assert sorted(p.name for p in (kept / "media").iterdir()) == sorted(names)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_as_root_they_belong_to_the_apps_user_and_nothing_of_his_is_followed(
    project: Path, kept: Path, tmp_path: Path
) -> None:
    write(project, {"media/sub/a": "x", "media/b": "x"})
    storage.ensure(kept, "media", NOBODY)
    (kept / "media/sub").symlink_to(tmp_path)
    with pytest.raises(NotADirectoryError):
        storage.bring(kept, storage.of_project(project, "media"), NOBODY, lambda _: None)
    assert not (tmp_path / "a").exists()
    (kept / "media/sub").unlink()
    storage.bring(kept, storage.of_project(project, "media"), NOBODY, lambda _: None)
    for name in ("media", "media/sub", "media/sub/a", "media/b"):
        assert (kept / name).stat().st_uid == NOBODY.uid
    assert kept.stat().st_uid == 0


def test_counting_ends_at_the_limit(project: Path, kept: Path) -> None:
    write(kept, {"media/a": "12", "media/sub/b": "345", "media/sub/c": "6789"})
    assert storage.measure(kept, "media", limit=10) == storage.Kept("media", 3, 9)
    cut = storage.measure(kept, "media", limit=2)
    assert (cut.files, cut.more) == (2, True)
    assert storage.measure(kept, "none", limit=2) == storage.Kept("none", 0, 0)
