"""Pages that are shown as files: kept whole, shown at once, pruned."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import ReleaseError
from tenfold.release.pages import FILES, PageStore, paths


@pytest.fixture
def store(tmp_path: Path) -> PageStore:
    return PageStore(tmp_path / "pages")


def make(store: PageStore, id: str, text: str = "x") -> None:
    with store.making() as making:
        (making / FILES / "about").mkdir(parents=True, mode=0o700)
        (making / FILES / "index.html").write_text(text)
        (making / FILES / "about" / "index.html").write_text(text)
        (making / FILES / "about" / "index.html").chmod(0o600)
        store.keep(making, id, "r1", ["/static"])


def test_what_is_made_can_be_read_by_whoever_the_edge_runs_as(store: PageStore) -> None:
    make(store, "1")
    (made,) = store.made()
    assert (made.id, made.release, made.files, made.paths) == ("1", "r1", 2, ("/", "/about/"))
    for folder, _, names in os.walk(store.root):
        assert Path(folder).stat().st_mode & 0o055 == 0o055
        assert all(Path(folder, n).stat().st_mode & 0o044 == 0o044 for n in names)


def test_what_was_not_finished_is_not_there(store: PageStore) -> None:
    with pytest.raises(RuntimeError), store.making() as making:  # noqa: PT012
        (making / FILES).mkdir()
        raise RuntimeError
    assert list(store.root.iterdir()) == []
    assert store.made() == ()


def test_what_is_shown_changes_at_once_and_back(store: PageStore, tmp_path: Path) -> None:
    host = tmp_path / "host"
    for id in ("1", "2"):
        make(store, id, id)
        store.show(id, {"vm1": str(host)})
        assert (host / "pages" / "current" / "index.html").read_text() == id
    store.show("1", {"vm1": str(host)})
    assert (host / "pages" / "current" / "index.html").read_text() == "1"


def test_pages_that_are_gone_are_not_shown(store: PageStore, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="are not there"):
        store.show("1", {"vm1": str(tmp_path)})


def test_what_is_kept_stays_and_the_rest_goes(store: PageStore) -> None:
    for n in range(6):
        make(store, str(n))
    store.prune(["1", "4", "5", "never made"])
    assert [made.id for made in store.made()] == ["1", "4", "5"]


def test_whether_they_are_shown_is_seen_and_not_believed(store: PageStore, tmp_path: Path) -> None:
    make(store, "1")
    assert not store.is_shown("1", str(tmp_path))
    store.show("1", {"vm1": str(tmp_path / "host")})
    assert store.is_shown("1", str(tmp_path / "host"))
    assert not store.is_shown("2", str(tmp_path / "host"))


def test_two_makings_in_a_second_have_two_ids(store: PageStore) -> None:
    first = store.new_id(1_800_000_000.0)
    make(store, first)
    assert first == "20270115-080000"
    assert store.new_id(1_800_000_000.4) == "20270115-080000-2"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("index.html", "/"),
        ("about/index.html", "/about/"),
        ("about.html", "/about.html"),
        ("feed.xml", "/feed.xml"),
        (".well-known/security.txt", None),
        ("404.html", None),
        ("_redirects", None),
        ("static/app.css", None),
    ],
)
def test_where_a_file_is_found(name: str, path: str | None) -> None:
    assert list(paths([name], ["/static"])) == ([] if path is None else [path])
