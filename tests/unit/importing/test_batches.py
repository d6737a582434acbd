"""Rows of SQLite as lines for COPY; what is fast and what is not must say the same."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.support.columns import column

from tenfold.importing import tally
from tenfold.importing.batches import Batches, Block
from tenfold.importing.model import Copy, Name, Pair, SourceColumn, SourceTable, Table


def copy_of(*types: str, not_null: bool = False) -> Copy:
    columns = tuple(column(of, f"c{i}", not_null=not_null) for i, of in enumerate(types))
    source = SourceTable(Name("t"), tuple(SourceColumn(c.name) for c in columns), 0)
    pairs = tuple(Pair(SourceColumn(c.name), c) for c in columns)
    return Copy(source, Table(Name("t", "public"), columns), pairs)


def block(types: tuple[str, ...], *rows: tuple[Any, ...], not_null: bool = False) -> Block:
    return Batches(copy_of(*types, not_null=not_null), UTC).block(rows)


def test_lines() -> None:
    made = block(
        ("integer", "text", "bytea", "boolean"),
        (1, "a\tb\\c\nd\r", b"\x01", 1),
        (None, None, None, None),
        (3, "", b"", 0),
    )
    assert made.data == b"1\ta\\tb\\\\c\\nd\\r\t\\\\x01\tt\n\\N\t\\N\t\\N\t\\N\n3\t\t\\\\x\tf\n"
    assert made.rows == 3
    told = [
        b"1\x1fa\tb\\c\nd\r\x1f\\x01\x1ft",
        b"\x1e\x1f\x1e\x1f\x1e\x1f\x1e",
        b"3\x1f\x1f\\x\x1ff",
    ]
    assert made.digest == tally.digest(told)


def test_null_and_the_text_of_a_null_differ() -> None:
    made = block(("text",), ("\\N",), (None,))
    assert made.data == b"\\\\N\n\\N\n"
    assert made.digest == tally.digest([b"\\N", b"\x1e"])


def test_what_does_not_fit_is_named_with_its_row_and_nothing_is_written() -> None:
    made = block(("integer", "text"), (1, "a"), ("x", "b\0"), (2**40, "c"))
    assert made.data == b""
    assert [(u.row, u.column, u.value) for u in made.unfit] == [
        (1, "c0", "'x'"),
        (2, "c0", "1099511627776"),
        (1, "c1", "'b\\x00'"),
    ]


def test_nulls_where_none_are_taken() -> None:
    made = block(("integer", "jsonb"), (None, "1"), (1, None), not_null=True)
    assert [(u.row, u.column, u.why) for u in made.unfit] == [
        (0, "c0", "is NULL, and the column takes none"),
        (1, "c1", "is NULL, and the column takes none"),
    ]


def test_an_empty_text_is_no_json() -> None:
    (unfit,) = block(("jsonb",), ("",)).unfit
    assert unfit.why == "is no JSON"


def test_what_only_postgresql_reads_is_not_compared() -> None:
    batches = Batches(copy_of("tsvector", "integer"), UTC)
    assert batches.compares
    assert batches.block([("a b", 1)]).digest == tally.digest([b"1"])
    alone = Batches(copy_of("tsvector"), UTC)
    assert not alone.compares
    assert alone.block([("a b",)]).digest == 0


MOMENTS = st.datetimes().map(str) | st.sampled_from(
    ["2024-02-30 10:00:00", "2024-01-01 10:00:00+01", "2024-W01-1 10:00:00", "٢024-01-01 10:00:00"]
)
VALUES = st.one_of(
    st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(), st.binary(), MOMENTS
)
TYPES = (
    "integer", "bigint", "boolean", "text", "character varying(3)", "numeric(6,2)", "jsonb",
    "timestamp with time zone", "timestamp without time zone", "timestamp(3) without time zone",
)  # fmt: skip


@given(st.sampled_from(TYPES), st.lists(VALUES, min_size=1))
def test_many_rows_at_once_are_the_same_as_one_after_the_other(of: str, values: list[Any]) -> None:
    batches = Batches(copy_of(of), UTC)
    together = batches.block([(value,) for value in values])
    alone = [batches.block([(value,)]) for value in values]
    assert {u.row for u in together.unfit} == {i for i, one in enumerate(alone) if one.unfit}
    if not together.unfit:
        assert together.data == b"".join(one.data for one in alone)
        assert together.digest == sum(one.digest for one in alone)
