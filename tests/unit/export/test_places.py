"""Where answers land: always inside, never two in one place."""

from __future__ import annotations

import os
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.export.places import Places, place


@pytest.mark.parametrize(
    ("asked", "html", "lands"),
    [
        ("/", True, "index.html"),
        ("/about", True, "about/index.html"),
        ("/about/", True, "about/index.html"),
        ("/a/b.html", True, "a/b.html"),
        ("/v1.0", True, "v1.0/index.html"),
        ("/feed.xml", False, "feed.xml"),
        ("/feed", False, "feed"),
        ("/feed/", False, "feed/index.html"),
        ("/café", True, "café/index.html"),
    ],
)
def test_addresses_are_pretty(asked: str, html: bool, lands: str) -> None:
    assert place(asked, html=html) == lands


@pytest.mark.parametrize(
    "asked",
    ["about", "/../x", "/a/../../x", "/a//b", "/a\0b", "/a\\b", "/.", "/./a", "//etc/passwd"],
)
def test_a_path_that_would_leave_the_folder_has_no_place(asked: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        place(asked, html=True)


@given(
    st.text(st.sampled_from("/.a\\\0:~é?#\n"), max_size=12) | st.text(max_size=30), st.booleans()
)
def test_no_place_ever_leaves_the_folder(text: str, html: bool) -> None:
    try:
        found = place(f"/{text}", html=html)
    except ValueError:
        return
    parts = PurePosixPath(found).parts
    assert not PurePosixPath(found).is_absolute()
    assert ".." not in parts
    assert os.path.normpath(f"/site/{found}").startswith("/site/")
    assert "\0" not in found


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("a/index.html", "a/index.html", "so does"),
        ("About/index.html", "about/index.html", "Windows and macOS"),
        ("straße", "STRASSE", "Windows and macOS"),
        ("caf\u00e9", "cafe\u0301", "Windows and macOS"),
        ("feed", "feed/index.html", "is a file"),
        ("feed/index.html", "feed", "is a folder"),
        ("Feed", "feed/x", "is a file"),
    ],
)
def test_two_that_some_file_system_takes_for_one_clash(first: str, second: str, why: str) -> None:
    places = Places()
    assert places.claim(first, "/one") is None
    assert why in (places.claim(second, "/two") or "")
    assert len(places) == 1
    assert first in places
    assert second not in places or first == second


def test_folders_may_be_shared() -> None:
    places = Places()
    for name in ("a/b/c", "a/b/d", "a/e", "f"):
        assert places.claim(name, "/x") is None
    assert places.names() == ["a/b/c", "a/b/d", "a/e", "f"]


@given(st.lists(st.text("aA/.", min_size=1, max_size=6), max_size=12))
def test_what_was_claimed_can_be_made_on_a_file_system_that_ignores_case(names: list[str]) -> None:
    places = Places()
    made = [n for n in names if "//" not in n and not n.startswith("/") and not n.endswith("/")]
    kept = [n.lower() for n in made if places.claim(n, "/x") is None]
    assert len(set(kept)) == len(kept)
    for one in kept:
        assert not any(other.startswith(f"{one}/") for other in kept)
