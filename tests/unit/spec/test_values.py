from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.spec import values


@given(st.text())
def test_a_slug_of_any_text_is_a_name(text: str) -> None:
    assert values.name(values.slug(text)) == values.slug(text)


@pytest.mark.parametrize("text", ["shop", "my-shop-2", "a", "a" * 40])
def test_good_names(text: str) -> None:
    assert values.name(text) == text


@pytest.mark.parametrize("text", ["", "Shop", "2shop", "shop-", "my_shop", "a" * 41, "é", "shop\n"])
def test_bad_names(text: str) -> None:
    with pytest.raises(ValueError, match="is not a name"):
        values.name(text)


@pytest.mark.parametrize("text", ["main:app", "a.b.c:make.app", "größe.main:app"])
def test_good_entries(text: str) -> None:
    assert values.entry(text) == text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("conduit/main.py", "conduit.main:app"),
        ("main.py:app", "main:app"),
        ("./main.py:app", "main:app"),
        ("conduit.main.app", "conduit.main:app"),
        ("conduit/main:app", "conduit.main:app"),
    ],
)
def test_an_almost_entry_is_answered_with_the_one_that_was_meant(text: str, meant: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f'did you mean "{meant}"?')):
        values.entry(text)


def test_a_factory_is_an_entry_too() -> None:
    assert values.entry("shop.main:create_app()") == "shop.main:create_app()"
    with pytest.raises(ValueError, match="is not"):
        values.entry("shop:create_app(1)")


@pytest.mark.parametrize("text", ["", "/abs", "..", "a/../../b", 'a"b', "a$b", "a\nb"])
def test_directories_that_are_not_of_the_project_or_that_nginx_cannot_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a directory of the project"):
        values.relative_path(text)


@pytest.mark.parametrize(
    ("text", "path"),
    [("a", "a"), ("./a/b/", "a/b"), ("static files", "static files"), (".out/é", ".out/é")],
)
def test_directories_are_normalised(text: str, path: str) -> None:
    assert values.relative_path(text) == path


def test_url_prefixes_lose_their_last_slash() -> None:
    assert values.asset_url("/static/") == "/static"


@pytest.mark.parametrize("text", ["", "/", "static", "/a b", "//", "/a//b", "/a?b", "/{x}"])
def test_bad_url_prefixes(text: str) -> None:
    with pytest.raises(ValueError, match="is not a URL prefix"):
        values.asset_url(text)


def test_expansion() -> None:
    environ = {"A": "1", "B": "$A"}
    assert values.expand("${A}-${B}-$$-$A-$${A}", environ) == "1-$A-$-$A-${A}"
    assert values.references("${A}-$${C}-${B}") == ("A", "B")


@given(st.text(alphabet="ab${}_"))
def test_a_value_that_is_accepted_can_be_expanded(text: str) -> None:
    try:
        values.variable_value(text)
    except ValueError:
        return
    values.expand(text, dict.fromkeys(values.references(text), "x"))


@pytest.mark.parametrize(
    "text", ["alembic upgrade head", "python -c 'print(1)'", r"echo it\'s", "a # the app's"]
)
def test_good_lines_for_the_shell(text: str) -> None:
    assert values.shell_command(text) == text


def test_a_here_document_may_hold_a_lone_quote() -> None:
    text = "cat >notes <<END\nthe app's\nEND"
    assert values.shell_command(text) == text


@pytest.mark.parametrize("check", [values.command, values.shell_command])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('python "unclosed', "a closing quote is missing"),
        ("echo it's", "a closing quote is missing"),
        ("echo \\", r'it ends with a "\\"'),
    ],
)
def test_commands_that_do_not_end(check: Callable[[str], str], text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check(text)


def test_a_command_has_a_word() -> None:
    with pytest.raises(ValueError, match="is empty"):
        values.command("  ")
