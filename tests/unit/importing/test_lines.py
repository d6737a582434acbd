"""Lines of a dump pass as they are, and amount to what their values do."""

from __future__ import annotations

import pytest
from tests.support.columns import column

from tenfold.importing import tally
from tenfold.importing.lines import Lines, unescaped


def test_lines_pass_as_they_are() -> None:
    lines = [rb"1	a\tb\\N", rb"\N	\N"]
    made = Lines([column("integer"), column("text")]).block(lines)
    assert made.data == b"\n".join((*lines, b""))
    assert made.rows == 2
    assert made.digest == tally.digest([b"1\x1fa\tb\\N", b"\x1e\x1f\x1e"])


def test_fields_without_a_column_are_left_out() -> None:
    made = Lines([column("integer"), None, column("text")]).block([b"1\tx\tb", b"2\ty\t\\N"])
    assert made.data == b"1\tb\n2\t\\N\n"
    assert made.digest == tally.digest([b"1\x1fb", b"2\x1f\x1e"])


@pytest.mark.parametrize(
    ("of", "field", "told"),
    [
        ("boolean", b"t", b"t"),
        ("boolean", b"1", b"t"),
        ("boolean", b"f", b"f"),
        ("numeric", b"1.500", b"1.5"),
        ("numeric", b"NaN", b"NaN"),
        ("double precision", b"0.10000000000000001", b"3fb999999999999a"),
        ("character(5)", b"ab   ", b"ab"),
        ("timestamp with time zone", b"2024-01-01 10:00:00.5+00", b"2024-01-01 10:00:00.5+00"),
        ("timestamp with time zone", b"2024-01-01 12:00:00+02", b"2024-01-01 10:00:00+00"),
        ("timestamp with time zone", b"1890-01-01 00:53:28+00:53:28", b"1890-01-01 00:00:00+00"),
        ("timestamp with time zone", b"infinity", b"infinity"),
        ("inet", b"10.0.0.1", b"022000040a000001"),
        ("jsonb", b'{"a": 1}', b'{"a": 1}'),
    ],
)
def test_values_in_one_form(of: str, field: bytes, told: bytes) -> None:
    made = Lines([column(of)]).block([field])
    assert made.data == field + b"\n"
    assert made.digest == tally.digest([told])


def test_what_depends_on_who_made_the_dump_is_not_compared() -> None:
    lines = Lines([column("integer"), column("tstzrange")])
    assert lines.compares
    assert lines.block([b"1\t[,)"]).digest == tally.digest([b"1"])
    assert not Lines([column("money")]).compares


def test_escapes() -> None:
    assert unescaped(rb"a\\b\t\n\r\b\f\v\x41\101") == b"a\\b\t\n\r\b\f\vAA"
