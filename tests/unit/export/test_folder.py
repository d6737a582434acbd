"""The folder: whole or as before, and nobody else's files are lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.errors import ExportError, Refused
from tenfold.export import folder


def tree(root: Path) -> dict[str, str]:
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): path.read_text() for path in files}


def put(place: Path, **files: str) -> None:
    with folder.draft(place) as draft:
        for name, text in files.items():
            draft.write(name.replace("__", "/"), text.encode())
        folder.settle(draft, place)


def test_a_new_folder_takes_its_place_with_all_that_is_in_it(tmp_path: Path) -> None:
    put(tmp_path / "dist", a="1", b__c__d="2")
    assert tree(tmp_path) == {"dist/a": "1", "dist/b/c/d": "2"}


def test_the_next_one_replaces_all_of_it_and_leaves_nothing(tmp_path: Path) -> None:
    put(tmp_path / "dist", a="1", old="x")
    put(tmp_path / "dist", a="2")
    assert tree(tmp_path) == {"dist/a": "2"}
    assert os.listdir(tmp_path) == ["dist"]


def test_an_export_that_fails_leaves_the_earlier_one_whole(tmp_path: Path) -> None:
    put(tmp_path / "dist", a="1")

    def fails() -> None:
        with folder.draft(tmp_path / "dist") as draft:
            draft.write("a", b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert tree(tmp_path) == {"dist/a": "1"}
    assert os.listdir(tmp_path) == ["dist"]


def test_what_an_interrupted_export_left_goes_with_the_next_and_a_running_one_stays(
    tmp_path: Path,
) -> None:
    left = tmp_path / ".dist.0123456789ab.partial"
    left.mkdir()
    (left / "x").write_text("half")
    other = tmp_path / ".dist.not-ours"
    other.mkdir()
    with folder.draft(tmp_path / "dist") as running:
        assert not left.exists()
        put(tmp_path / "dist", a="1")
        assert running.root.exists()
    assert other.exists()


def test_file_systems_that_cannot_exchange_get_it_in_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "dist", a="1")
    monkeypatch.setattr(folder, "_exchange", folder._exchange_in_turns)
    put(tmp_path / "dist", a="2")
    assert tree(tmp_path) == {"dist/a": "2"}
    assert os.listdir(tmp_path) == ["dist"]


def test_files_that_no_export_wrote_are_not_replaced(tmp_path: Path) -> None:
    place = tmp_path / "dist"
    folder.require_ours(place, None)
    put(place, a="1", b__c="2")
    folder.require_ours(place, ["a", "b/c", "gone"])
    (place / ".git").mkdir()
    (place / ".git/HEAD").write_text("ref")
    with pytest.raises(Refused, match="no export wrote") as refused:
        folder.require_ours(place, ["a", "b/c"])
    assert refused.value.detail == ".git/HEAD"
    with pytest.raises(Refused, match="no export wrote"):
        folder.require_ours(place, None)


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_left_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "dist"
    if kind == "file":
        place.write_text("mine")
    else:
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Refused, match="is no folder"):
        folder.require_ours(place, None)


def test_what_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ExportError, match="cannot be written"),
        folder.draft(tmp_path / "file/dist"),
    ):
        pass
    with folder.draft(tmp_path / "dist") as draft:
        draft.write("a", b"1")
        with pytest.raises(ExportError, match="cannot be written"):
            draft.write("a", b"2")  # never twice, and never through a link
        (draft.root / "link").symlink_to(tmp_path / "file")
        with pytest.raises(ExportError, match="cannot be written"):
            draft.write("link", b"2")


def test_a_full_disk_says_to_make_room(tmp_path: Path) -> None:
    with (
        open("/dev/full", "wb", buffering=0) as full,
        folder.draft(tmp_path / "dist") as draft,
        pytest.raises(ExportError, match="No space left") as told,
    ):
        draft.add(full, b"x")
    assert "make room" in (told.value.next or "")


def test_static_files_are_found_with_their_places_and_links_stay_inside(tmp_path: Path) -> None:
    source = tmp_path / "static"
    (source / "b").mkdir(parents=True)
    (source / "a.css").write_text("a")
    (source / "b/c.js").write_text("c")
    (source / "d.css").symlink_to("a.css")
    found = {place: path.name for path, place in folder.assets(source, "/assets")}
    assert found == {"assets/a.css": "a.css", "assets/b/c.js": "c.js", "assets/d.css": "a.css"}
    (source / "out").symlink_to("/etc/passwd")
    with pytest.raises(ExportError, match="leads out of them"):
        list(folder.assets(source, "/assets"))
