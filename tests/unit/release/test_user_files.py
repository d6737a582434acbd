"""User files that lie in releases of before: taken over, or a deploy is refused with a way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.cli.deploy import _way_out
from tenfold.deployment import shelf
from tenfold.deployment.releases import ReleaseKeeper
from tenfold.release.build import build
from tenfold.release.record import Release
from tenfold.release.running import Here
from tenfold.release.store import Store
from tenfold.spec.read import parse
from tenfold.state.layout import Layout

from .conftest import commit, write

BEFORE = 'name = "shop"\napp = "shop.main:app"\n'
NOW = BEFORE + '[storage]\ndirs = ["media"]\n'


@pytest.fixture
def layout(project: Path) -> Layout:
    return Layout(project)


@pytest.fixture
def release(project: Path, venv: Path, layout: Layout) -> Release:
    """One from before [storage] was there, into which the app wrote."""
    write(project, {"media/from-project.png": "tracked", "shop/up/.gitkeep": ""})
    commit(project)
    made = build(parse(BEFORE), project, layout.shelf, run=Here())
    write(
        made.app,
        {"media/cat.png": "cat", "shop/up/2026/dog.png": "dog", "db.sqlite3": "x"},
    )
    return made


def keeper(layout: Layout) -> ReleaseKeeper:
    return ReleaseKeeper(layout, parse(NOW), Here())


def test_what_a_deploy_would_leave_behind(layout: Layout, release: Release) -> None:
    everything = ("db.sqlite3", "media/cat.png", "shop/up/2026/dog.png")
    assert shelf.left_behind(layout, release.id, ()) == everything
    assert shelf.left_behind(layout, release.id, ("media",)) == (everything[0], everything[2])
    assert shelf.left_behind(layout, "no-such", ()) == ()


def test_folders_are_named_from_outside_but_never_code(layout: Layout, release: Release) -> None:
    names = shelf.left_behind(layout, release.id, ())
    assert shelf.folders(layout, release.id, names) == ("media", "shop/up")
    told = _way_out(names, ("media", "shop/up"))
    assert '[storage] dirs = ["media", "shop/up"]' in told
    assert "DATABASE_URL" in told
    assert "DATABASE_URL" not in _way_out(names[1:], ("media", "shop/up"))
    assert "[storage]" not in _way_out(names[:1], ())


def test_they_are_taken_over_and_so_is_what_old_workers_write_until_the_end(
    layout: Layout, release: Release
) -> None:
    kept = layout.storage / "media"
    assert keeper(layout).to_keep("media") == (2, len("cat" + "tracked"))
    keeper(layout).keep("media", lambda _: None)
    assert (kept / "cat.png").read_text() == "cat"
    assert (kept / "from-project.png").read_text() == "tracked"
    assert keeper(layout).to_keep("media") == (0, 0)
    write(release.app, {"media/late.png": "late"})
    keeper(layout).collect()
    assert (kept / "late.png").read_text() == "late"
    assert shelf.left_behind(layout, release.id, ("media",)) == (
        "db.sqlite3", "shop/up/2026/dog.png",
    )  # fmt: skip


def test_what_users_wrote_goes_before_what_the_project_has(
    layout: Layout, project: Path, release: Release
) -> None:
    write(project, {"media/cat.png": "the project's"})
    keeper(layout).keep("media", lambda _: None)
    assert (layout.storage / "media/cat.png").read_text() == "cat"


def test_another_file_of_that_name_is_not_left_behind_silently(
    layout: Layout, release: Release
) -> None:
    keeper(layout).keep("media", lambda _: None)
    write(layout.storage, {"media/cat.png": "newer"})
    keeper(layout).collect()
    assert (layout.storage / "media/cat.png").read_text() == "newer"
    assert "media/cat.png" in shelf.left_behind(layout, release.id, ("media",))


def test_releases_with_the_link_have_nothing_to_bring(
    layout: Layout, project: Path, venv: Path
) -> None:
    write(project, {"media/a.png": "a"})
    commit(project)
    keeper(layout).keep("media", lambda _: None)
    made = build(parse(NOW), project, layout.shelf, run=Here())
    (made.app / "media/b.png").write_text("b")
    assert shelf.left_behind(layout, made.id, ("media",)) == ()
    keeper(layout).collect()
    assert sorted(p.name for p in (layout.storage / "media").iterdir()) == ["a.png", "b.png"]
    assert Store(layout.shelf).is_whole(made)


def test_what_is_kept_is_what_is_there(layout: Layout, project: Path) -> None:
    assert shelf.stored(layout, {"storage": ["media"]}) == ()
    keeper(layout).keep("media", lambda _: None)
    assert shelf.stored(layout, {"storage": ["media"]}) == ("media",)
    assert shelf.stored(layout, {}) == ()
