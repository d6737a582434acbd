"""Names that a published file cannot have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.publishing import names


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a\nb", "control character"),
        ("a\x00b", "control character"),
        ("a\u2028b", "control character"),
        ("a\\b", "\\"),
        ("../a", "leads out"),
        ("/etc/passwd", "leads out"),
        ("a//b", "leads out"),
        ("./a", "leads out"),
        ("b\udcff", "not UTF-8"),
        ("x" * 256, "255 bytes"),
        ("é" * 128, "255 bytes"),
        ("/".join(["x" * 100] * 9), "800 bytes"),
    ],
)
def test_no_place_can_have_it(path: str, why: str) -> None:
    assert why in (names.problem(path) or "")


@pytest.mark.parametrize(
    "path", ["index.html", "grüße & more, +1 [a] {b} ~%41 'q'.txt", "a/.well-known/x", "..a", "-rf"]
)
def test_odd_but_fine(path: str) -> None:
    assert names.problem(path) is None


@given(st.text(max_size=60))
def test_a_name_that_is_fine_stays_in_its_folder(path: str) -> None:
    if names.problem(path) is None:
        parts = path.split("/")
        assert "" not in parts
        assert ".." not in parts
        assert path.encode().decode() == path
        assert "\n" not in path


@pytest.mark.parametrize(
    "path", [".git", "a/.git", ".env", ".env.production", ".tenfold", ".tenfold-staging",
             "tenfold.toml", "deep/id_ed25519", "key.pem", ".GIT"]
)  # fmt: skip
def test_what_nobody_should_read(path: str) -> None:
    assert names.private(path)


@pytest.mark.parametrize("path", [".well-known", ".htaccess", "git", "env", "environment.html"])
def test_what_everybody_may_read(path: str) -> None:
    assert not names.private(path)


@pytest.mark.parametrize("path", ["a/.GIT/x", "git~1", ".git . ", ".git::$INDEX_ALLOCATION"])
def test_what_git_refuses(path: str) -> None:
    assert names.in_git(path)
    assert not names.in_git("a/.gitignore")


def test_what_netlify_refuses() -> None:
    assert names.at_netlify("a#b")
    assert names.at_netlify("what?.html")
    assert not names.at_netlify("a&b")


def test_names_are_shown_without_what_a_terminal_would_obey() -> None:
    assert names.shown("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert names.shown("grüße") == "grüße"
    assert names.shown("b\udcff") == "b\\udcff"
    assert names.listed([str(n) for n in range(9)]) == "0, 1, 2, 3, 4 and 4 more"
