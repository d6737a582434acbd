from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.spec import docs
from tenfold.spec.locate import Key, lines

DOCUMENT = '''\
name = "a" # one
"quoted key" = 'x'

[release] # four
a.b.c = 1
 migrate = """
[not.a.table]
no = "key" \\""" ""\\"
"""

[[load.requests]]
path = "/"
headers = { "X-[A]" = "]", b = { c = 3 } }
[load.requests.upload]
size = 1
[[load.requests]]
list = [
  1, # [x]
  "two",
  { three = 3 },
]
literal = \'\'\'
it''s = not a key
\'\'\'
[[load.requests.deep]]
x = 1
[[load.requests.deep]]
x = 1979-05-27 07:32:00
[load]
last = true'''


@pytest.mark.parametrize(
    ("key", "line"),
    [
        (("name",), 1),
        (("quoted key",), 2),
        (("release",), 4),
        (("release", "a"), 5),
        (("release", "a", "b", "c"), 5),
        (("release", "migrate"), 6),
        (("load", "requests", 0), 11),
        (("load", "requests", 0, "path"), 12),
        (("load", "requests", 0, "headers", "X-[A]"), 13),
        (("load", "requests", 0, "headers", "b", "c"), 13),
        (("load", "requests", 0, "upload", "size"), 15),
        (("load", "requests", 1), 16),
        (("load", "requests", 1, "list", 0), 18),
        (("load", "requests", 1, "list", 1), 19),
        (("load", "requests", 1, "list", 2, "three"), 20),
        (("load", "requests", 1, "literal"), 22),
        (("load", "requests", 1, "deep", 0, "x"), 26),
        (("load", "requests", 1, "deep", 1, "x"), 28),
        (("load", "last"), 30),
    ],
)
def test_where_keys_stand(key: Key, line: int) -> None:
    tomllib.loads(DOCUMENT)
    assert lines(DOCUMENT)[key] == line


def test_nothing_but_keys_is_found() -> None:
    assert keys(tomllib.loads(DOCUMENT)) == set(lines(DOCUMENT))


def test_windows_line_ends_count_once() -> None:
    assert lines(DOCUMENT.replace("\n", "\r\n")) == lines(DOCUMENT)


def test_the_reference_is_read_in_full() -> None:
    text = docs.reference()
    assert keys(tomllib.loads(text)) == set(lines(text))


def keys(value: Any, path: Key = ()) -> set[Key]:
    """Every path of a parsed document, that is: what the locator must find, and nothing else."""
    found = {path} if path else set()
    if isinstance(value, dict):
        return found.union(*(keys(item, (*path, key)) for key, item in value.items()))
    if isinstance(value, list):
        return found.union(*(keys(item, (*path, index)) for index, item in enumerate(value)))
    return found


names = st.text(alphabet="ab.[]#= \"'\\\u00e9\n{}", min_size=1, max_size=5)
scalars = st.one_of(st.integers(), st.booleans(), st.text(alphabet="ab\"'#[]{},=\\\n"))
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(names, inner), max_leaves=8
)


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n ".join(inline(item) for item in value) + "]"
    return json.dumps(value)


@given(st.dictionaries(names, st.dictionaries(names, values)))
def test_any_document_is_read_as_tomllib_reads_it(document: dict[str, dict[str, Any]]) -> None:
    text, expected = "", {}
    for table, pairs in document.items():
        text += f"[{json.dumps(table)}] # comment\n"
        expected[(table,)] = text.count("\n")
        for key, value in pairs.items():
            expected[(table, key)] = text.count("\n") + 1
            text += f"{json.dumps(key)} = {inline(value)}\n"
    found = lines(text)
    assert set(found) == keys(tomllib.loads(text))
    assert {key: found[key] for key in expected} == expected
