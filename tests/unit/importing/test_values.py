"""SQLite's values as PostgreSQL's columns take them, or why not."""

from __future__ import annotations

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.support.columns import column

from tenfold.importing.misfit import Misfit, shown
from tenfold.importing.values import canonical, taker


def taken(of: str, value: Any, zone: str = "UTC") -> str:
    return taker(column(of), UTC if zone == "UTC" else ZoneInfo(zone))(value)


@pytest.mark.parametrize(
    ("of", "value", "text"),
    [
        ("integer", 7, "7"),
        ("integer", -(2**31), "-2147483648"),
        ("bigint", 2**63 - 1, "9223372036854775807"),
        ("integer", 3.0, "3"),
        ("integer", " 12 ", "12"),
        ("boolean", 1, "t"),
        ("boolean", 0, "f"),
        ("boolean", "True", "t"),
        ("boolean", "off", "f"),
        ("numeric", 1, "1"),
        ("numeric", 0.1, "0.1"),
        ("numeric", 1e22, "10000000000000000000000"),
        ("numeric", "1.500", "1.5"),
        ("numeric", "-0.00", "0"),
        ("numeric", "1E-3", "0.001"),
        ("numeric(10,2)", 10.1, "10.1"),
        ("numeric(10,2)", 0.1 + 0.2, "0.3"),  # what arithmetic left behind the 15th digit
        ("numeric(10,2)", "99999999.99", "99999999.99"),
        ("numeric(10,2)", "1.230", "1.23"),
        ("numeric(10,2)", 0, "0"),
        ("double precision", 1, "1.0"),
        ("double precision", 1e-300, "1e-300"),
        ("double precision", float("inf"), "Infinity"),
        ("double precision", "2.5", "2.5"),
        ("real", 0.5, "0.5"),
        ("text", "größer\n\t\\", "größer\n\t\\"),
        ("text", 12, "12"),
        ("text", "", ""),
        ("character varying(3)", "äöü", "äöü"),
        ("character(3)", "ab   ", "ab   "),
        ("bytea", b"\x00\xff", "\\x00ff"),
        ("bytea", b"", "\\x"),
        ("date", "2024-02-29", "2024-02-29"),
        ("date", "2024-02-29 00:00:00", "2024-02-29"),
        ("date", 86400, "1970-01-02"),
        ("time without time zone", "10:11:12.500000", "10:11:12.5"),
        ("time without time zone", "10:11", "10:11:00"),
        ("timestamp without time zone", "2024-01-01 10:00:00.120000", "2024-01-01 10:00:00.12"),
        ("timestamp without time zone", "2024-01-01T10:00:00", "2024-01-01 10:00:00"),
        ("timestamp without time zone", "2024-01-01 10:00", "2024-01-01 10:00:00"),
        ("timestamp without time zone", "2024-01-01", "2024-01-01 00:00:00"),
        ("timestamp without time zone", "2024-01-01 10:00:00+00:00", "2024-01-01 10:00:00"),
        ("timestamp without time zone", 1700000000, "2023-11-14 22:13:20"),
        ("timestamp without time zone", 1700000000.25, "2023-11-14 22:13:20.25"),
        ("timestamp without time zone", 2460263.5, "2023-11-15 00:00:00"),  # a Julian day
        ("timestamp without time zone", "0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ("timestamp with time zone", "2024-01-01 10:00:00", "2024-01-01 10:00:00+00"),
        ("timestamp with time zone", "2024-01-01T10:00:00Z", "2024-01-01 10:00:00+00"),
        ("timestamp with time zone", "2024-01-01 10:00:00.5+02:00", "2024-01-01 08:00:00.5+00"),
        ("timestamp with time zone", "2024-01-01 10:00:00 UTC", "2024-01-01 10:00:00+00"),
        ("timestamp with time zone", "2024-01-01 10:00:00 +0200", "2024-01-01 08:00:00+00"),
        ("timestamp with time zone", "2024-01-01 10:00:00.120000000", "2024-01-01 10:00:00.12+00"),
        ("interval", 90_061_000_001, "1 days 3661 seconds 1 microseconds"),
        ("interval", "1970-01-02 00:00:01.5", "1 days 1 seconds 500000 microseconds"),
        ("interval", -1, "-1 days 86399 seconds 999999 microseconds"),
        ("uuid", "8f14e45fceea467f9e2bd3c1a1a1a1a1", "8f14e45f-ceea-467f-9e2b-d3c1a1a1a1a1"),
        ("uuid", "8F14E45F-CEEA-467F-9E2B-D3C1A1A1A1A1", "8f14e45f-ceea-467f-9e2b-d3c1a1a1a1a1"),
        ("uuid", bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ("json", '{"a":  1}', '{"a":  1}'),
        ("jsonb", 5, "5"),
        ("inet", "10.0.0.1", "10.0.0.1/32"),
        ("inet", "2001:DB8::1", "2001:db8::1/128"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/8"),
        ("mood", "sad", "sad"),
        ("tsvector", "a b", "a b"),
    ],
)  # fmt: skip
def test_what_fits(of: str, value: Any, text: str) -> None:
    assert taken(of, value) == text


@pytest.mark.parametrize(
    ("of", "value", "why"),
    [
        ("integer", "forty", "no whole number"),
        ("integer", 1.5, "no whole number"),
        ("integer", b"1", "no whole number"),
        ("integer", 2**31, "out of range for integer"),
        ("integer", "9" * 5000, "too many digits"),
        ("boolean", 2, "neither true nor false"),
        ("boolean", "", "neither true nor false"),
        ("boolean", 1.0, "neither true nor false"),
        ("numeric", "1,5", "no number"),
        ("numeric", float("nan"), "no number"),
        ("numeric", b"1", "no number"),
        ("numeric", "1e999999", "out of range"),
        ("numeric(10,2)", "1.005", "more digits behind the point"),
        ("numeric(10,2)", 1.005, "more digits behind the point"),
        ("numeric(4,2)", 100, "too large for"),
        ("double precision", 2**53 + 1, "more digits than a double keeps"),
        ("double precision", "x", "no number"),
        ("real", 1e300, "out of range"),
        ("text", b"x", "bytes"),
        ("text", "a\0b", "NUL"),
        ("text", "a\udcff", "not UTF-8"),
        ("character varying(3)", "abcd", "has 4 characters"),
        ("character(3)", "abcd", "has 4 characters"),
        ("bytea", "x", "no bytes"),
        ("date", "2024-02-30", "no date"),
        ("date", "26.11.2026", "no date"),
        ("date", "2024-01-01 10:00:00", "time of day"),
        ("timestamp without time zone", "11/26/2026 10:00", "no date"),
        ("timestamp without time zone", "", "no date"),
        ("timestamp without time zone", 1700000000000, "milliseconds"),
        ("timestamp without time zone", float("nan"), "no date"),
        ("timestamp without time zone", "2024-01-01 10:00:00.1234567", "more exact"),
        ("timestamp without time zone", "2024-01-01 10:00:00+02:00", "offset"),
        ("timestamp without time zone", b"x", "BLOB"),
        ("timestamp(3) without time zone", "2024-01-01 10:00:00.1234", "more exact"),
        ("timestamp with time zone", "9999-12-31 23:59:59-01:00", "out of range"),
        ("time without time zone", "25:00:00", "no time of day"),
        ("time without time zone", 7, "no time of day"),
        ("time without time zone", "10:00:00+01:00", "offset"),
        ("interval", 1.5, "no duration"),
        ("interval", "1 day", "no date"),
        ("interval", 10**30, "out of range"),
        ("uuid", "123", "no UUID"),
        ("uuid", 1e30, "no UUID"),
        ("uuid", b"123", "no UUID"),
        ("json", "{", "no JSON"),
        ("json", "NaN", "NaN"),
        ("json", "[" * 100_000, "nested"),
        ("inet", "10.0.0.256", "no inet"),
        ("cidr", "10.0.0.1/8", "no cidr"),
        ("mood", "so-so", "none of sad, happy"),
        ("tsvector", b"a", "bytes"),
    ],
)
def test_what_does_not(of: str, value: Any, why: str) -> None:
    with pytest.raises(Misfit, match=why):
        taken(of, value)


@pytest.mark.parametrize(
    ("of", "text", "told"),
    [
        ("double precision", "1.0", "3ff0000000000000"),
        ("real", "0.5", "3f000000"),
        ("character(3)", "ab   ", "ab"),
        ("interval", "1 days 1 seconds 5 microseconds", "86401000005"),
        ("inet", "10.0.0.1/32", "022000040a000001"),
        ("jsonb", '{"bb":1.50,"a":[1e2,-0.0]}', '{"a": [100, 0.0], "bb": 1.50}'),
    ],
)
def test_how_it_is_compared(of: str, text: str, told: str) -> None:
    make = canonical(column(of).type)
    assert make is not None
    assert make(text) == told


def test_times_without_a_zone_are_of_the_zone_that_is_named() -> None:
    of = "timestamp with time zone"
    assert taken(of, "2024-07-01 10:00:00", "Europe/Berlin") == "2024-07-01 08:00:00+00"
    assert taken(of, "2024-01-01 10:00:00", "Europe/Berlin") == "2024-01-01 09:00:00+00"
    assert taken(of, "2024-01-01 10:00:00+00:00", "Europe/Berlin") == "2024-01-01 10:00:00+00"


def test_long_values_are_quoted_in_part_and_bytes_not_at_all() -> None:
    assert shown("x" * 1000) == "'" + "x" * 39 + "..."
    assert shown(b"secret") == "6 bytes"
