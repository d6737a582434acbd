from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.importing.model import Name
from tenfold.importing.names import listed, parts, qualified, table_name

NAMES = st.text(st.characters(blacklist_characters="\0"), min_size=1)


@given(st.lists(NAMES, min_size=1))
def test_names_that_are_quoted_are_read_again(names: list[str]) -> None:
    assert parts(listed(names), ",") == tuple(names)


@given(NAMES, NAMES)
def test_tables_too(schema: str, table: str) -> None:
    assert table_name(qualified(Name(table, schema))) == Name(table, schema)


def test_unquoted_names_are_folded() -> None:
    assert parts('A, "B" ,c', ",") == ("a", "B", "c")


@pytest.mark.parametrize("text", ["", "a b", "a,", "1a", '"a', "a.b.c"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - names what it found
        table_name(text)
