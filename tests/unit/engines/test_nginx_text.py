"""Quoting for nginx: whatever a path contains, it stays one argument and means itself."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.engines.nginx.text import filled, literal, pattern, quoted
from tenfold.errors import UsageError

PATHS = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"])
)


def as_nginx_reads(argument: str) -> str:
    """An argument in double quotes, by the rules of ngx_conf_read_token."""
    assert argument[0] == argument[-1] == '"'
    inside = argument[1:-1]
    assert not re.sub(r'\\["\\]', "", inside).count('"')
    return re.sub(r"\\([\"'\\])", r"\1", inside)


@given(PATHS)
def test_a_quoted_text_is_read_as_itself(text: str) -> None:
    assert as_nginx_reads(quoted(text)) == text


@given(PATHS)
def test_a_literal_keeps_its_dollars(text: str) -> None:
    assert as_nginx_reads(literal(text)).replace("${dollar}", "$") == text.replace("${dollar}", "$")
    assert "$" not in literal(text).replace("${dollar}", "")


@given(PATHS, PATHS)
def test_a_pattern_matches_its_text_alone(text: str, other: str) -> None:
    assert re.fullmatch(pattern(text), text)
    assert bool(re.fullmatch(pattern(text), other)) == (text == other)


@pytest.mark.parametrize("mark", ["\n", "\r", "\0", "\x7f"])
def test_control_characters_are_refused(mark: str) -> None:
    with pytest.raises(UsageError, match="control characters"):
        quoted(f"/a{mark}b")


def test_a_template_wants_every_value() -> None:
    with pytest.raises(KeyError):
        filled("nginx.conf", {})
