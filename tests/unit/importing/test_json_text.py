"""JSON as jsonb writes it; tests/contract/test_import_values.py asks PostgreSQL itself."""

from __future__ import annotations

import pytest

from tenfold.importing.json_text import NoJson, canonical, check


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("null", "null"),
        (" [ true , false ] ", "[true, false]"),
        ("1.50", "1.50"),
        ("1e2", "100"),
        ("1.0E-3", "0.0010"),
        ("-0.0", "0.0"),
        ("0e5", "0"),
        ("12345678901234567890123", "12345678901234567890123"),
        ('{"b": 1, "aa": 2, "a": 3}', '{"a": 3, "b": 1, "aa": 2}'),
        ('{"a": 1, "a": 2}', '{"a": 2}'),
        ('"\\u00e4\\n\\t\\u0001\\""', '"ä\\n\\t\\u0001\\""'),
        ('"\\ud83d\\ude00"', '"😀"'),
        ("{}", "{}"),
        ("[]", "[]"),
    ],
)
def test_one_form(text: str, written: str) -> None:
    assert canonical(text) == written


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"),
        ("{'a': 1}", "no JSON"),
        ("Infinity", "Infinity"),
        ('"\\u0000"', "u0000"),
        ('{"\\u0000": 1}', "u0000"),
        ('"\\ud800"', "surrogate"),
        ("1e100000", "exponent"),
    ],
)
def test_what_jsonb_does_not_take(text: str, why: str) -> None:
    with pytest.raises(NoJson, match=why):
        canonical(text)


def test_json_takes_what_jsonb_does_not() -> None:
    check('"\\u0000"')
    with pytest.raises(NoJson):
        check("[1,]")
