from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tenfold.engines.postgresql.queries import SHOWN_CHARACTERS, shown


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select 1", "select ?"),
        (
            "update notes\n   set text = 'a ''secret'''\n where id = 17",
            "update notes set text = ? where id = ?",
        ),
        (r"select 'C:\', 'secret'", "select ?, ?"),
        (r"select E'it\'s secret', 2", "select ?, ?"),
        ("select U&'d\\0061ta', x'ff', B'01', N'x'", "select ?, ?, ?, ?"),
        ('select "it\'s", table1.a2 from "t 1"', 'select "it\'s", table1.a2 from "t 1"'),
        ("do $body$ secret $$ still $body$", "do ?"),
        ("insert into t values ($1, $2)", "insert into t values ($1, $2)"),
        ("select 1 -- of ada@example.org\n, 2", "select ? , ?"),
        ("/* ada */ select 1.5e3", "select ?"),
        ("select 'cut off in the mid", "select ?"),
        ("select $x$ cut off", "select ?"),
        ("select /* cut off", "select"),
        ("lock table notes in exclusive mode", "lock table notes in exclusive mode"),
        ("", ""),
    ],
)
def test_values_are_left_out(query: str, expected: str) -> None:
    assert shown(query) == expected


def test_a_long_query_is_cut_off() -> None:
    text = shown("select " + ", ".join(f"column_{c}" for c in "abcdefghijklmnopqrstuvwxyz"))
    assert len(text) == SHOWN_CHARACTERS
    assert text.endswith("…")


@given(some.text(alphabet="ab'\\ \"$-", max_size=20))
def test_nothing_of_a_quoted_value_is_shown_whatever_is_in_it(value: str) -> None:
    quoted = value.replace("'", "''") + "SECRET"
    assert shown(f"select '{quoted}', other") == "select ?, other"


@given(some.text(max_size=200))
def test_any_text_is_short_and_on_one_line(query: str) -> None:
    assert len(shown(query)) <= SHOWN_CHARACTERS
    assert "\n" not in shown(query)
