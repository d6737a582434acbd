"""Whatever fits is kept by PostgreSQL as it is: both sides work out the same digest.

An import compares them itself, so that it ends without an error is what is tested.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.imports import Place, place, place_server
from tests.support.postgres import Server

from tenfold.errors import TenfoldError
from tenfold.importing import sqlite

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with place_server() as found:
        yield found


@pytest.fixture(scope="module")
def here(server: Server) -> Iterator[Place]:
    with place(server) as found:
        columns = ", ".join(f'"{of}" {of}' for of in VALUES)
        found.do(f"CREATE TABLE things (id serial PRIMARY KEY, {columns})")
        yield found


# Neither side may have NUL, and SQLite no half surrogates.
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]))
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
).map(json.dumps)
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 30))
DOUBLES = st.floats(allow_nan=False)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "numeric": st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**50), max_value=10**50).map(
        str
    ),
    "numeric(12,3)": st.decimals(-999_999_999, 999_999_999, places=3).map(str)
    | st.integers(-999_999_999, 999_999_999)
    | st.integers(-999_999, 999_999).map(lambda n: n / 1000),
    "double precision": DOUBLES,
    "real": st.floats(width=32, allow_nan=False),
    "text": TEXT,
    "varchar(20)": TEXT.map(lambda text: text[:20]),
    "char(9)": TEXT.map(lambda text: text[:9]),
    "bytea": st.binary(),
    "date": st.dates().map(str),
    "time": st.times().map(str),
    "timestamp": MOMENTS.map(str) | st.integers(-(10**9), 10**10),
    "timestamp(3)": MOMENTS.map(lambda m: m.isoformat(timespec="milliseconds")),
    "timestamptz": MOMENTS.map(str)
    | st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()).map(str)
    | DOUBLES.filter(lambda n: 6e6 < abs(n) < 1e10),
    "interval": st.integers(-(10**17), 10**17),
    "uuid": st.uuids().map(lambda u: u.hex)
    | st.uuids().map(str)
    | st.uuids().map(lambda u: u.bytes),
    "json": JSON,
    "jsonb": JSON,
    "inet": st.ip_addresses().map(str),
    "cidr": st.ip_addresses(network="10.0.0.0/8").map(str),
}


@settings(max_examples=25, suppress_health_check=[*HealthCheck], print_blob=True)
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=20))
def test_what_fits_is_kept_as_it_is(
    here: Place, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    here.do("TRUNCATE things")
    file = tmp_path / "things.db"
    file.unlink(missing_ok=True)
    with sqlite3.connect(file) as connection:
        columns = ", ".join(f'"{of}"' for of in VALUES)
        connection.execute(f"CREATE TABLE things ({columns})")
        marks = ", ".join("?" for _ in VALUES)
        for row in rows:
            connection.execute(f"INSERT INTO things VALUES ({marks})", [row[of] for of in VALUES])
    connection.close()
    try:
        here.bring(file)
    except TenfoldError as error:  # a shorter text than that of all the objects
        pytest.fail(f"{error.what}\n{error.detail}", pytrace=False)
    assert here.one("SELECT count(*) FROM things") == len(rows)


def test_one_digest_for_each_column_tells_them_apart(here: Place, tmp_path: Path) -> None:
    """A digest that were the same for other values would let anything pass."""
    from dataclasses import replace

    from tenfold.importing import catalogue, match, tally
    from tenfold.importing.match import Wishes
    from tenfold.importing.target import asked

    here.do("TRUNCATE things")
    file = tmp_path / "two.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE things (smallint, text, bytea, jsonb)")
        connection.execute("INSERT INTO things VALUES (1, 'a', x'00', '{}'), (2, 'b', x'01', '[]')")
    connection.close()
    here.bring(file)
    with here.connect() as session, sqlite.opened(file, UTC) as source:
        contents = source.contents(lambda text: None)
        plan = match.match(catalogue.read(session), contents, Wishes(replace=frozenset({"things"})))
        (copy,) = plan.copies
        for setting in tally.SETTINGS:
            session.execute(setting.encode())
        for pair in copy.pairs:
            one = replace(copy, pairs=(pair,))
            for feed in source.feeds([one]):
                list(feed.blocks())
                query = tally.query("things", one.columns, "sqlite")
                assert asked(session, query) == feed.tally()
                session.execute("BEGIN")
                column = pair.target.name
                session.execute(
                    f'UPDATE things SET "{column}" = (SELECT max("{column}"::text) FROM things)'
                    f"::{column}".encode()
                )
                assert asked(session, query) != feed.tally()
                session.execute("ROLLBACK")
