from __future__ import annotations

import pytest

from tenfold.cli.dotenv import Unclear, parse

TEXT = """\
# a comment
PLAIN=one
export EXPORTED = two   # behind it
SINGLE='a "b" \\n # $X'
DOUBLE="line\\nnext \\"q\\" \\$5"   # behind it
EMPTY=
HASH=a#b

SEVERAL="-----BEGIN KEY-----
abc
-----END KEY-----"
EXPANDED=${PLAIN}/x
PLAIN=three
LAST=end"""


def test_what_usual_files_have_in_them() -> None:
    assert {entry.name: entry.value for entry in parse(TEXT)} == {
        "PLAIN": "three",
        "EXPORTED": "two",
        "SINGLE": 'a "b" \\n # $X',
        "DOUBLE": 'line\nnext "q" $5',
        "EMPTY": "",
        "HASH": "a#b",
        "SEVERAL": "-----BEGIN KEY-----\nabc\n-----END KEY-----",
        "EXPANDED": "${PLAIN}/x",
        "LAST": "end",
    }
    assert parse("A=1\r\nB=2\r\n")[1].value == "2"
    assert parse("") == parse("\n\n# only this") == parse("  # this\n  ") == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("A=1\nhunter2\n", 2),
        ("A='hunter2\nB=1", 1),
        ('A=1\n\nB="hunter2', 3),
        ("A='x'hunter2", 1),
        ("=hunter2", 1),
        ("A B=hunter2", 1),
    ],
)
def test_what_is_unclear_is_named_by_its_line_and_not_quoted(text: str, line: int) -> None:
    with pytest.raises(Unclear) as unclear:
        parse(text)
    assert f"line {line}" in str(unclear.value)
    assert "hunter2" not in str(unclear.value)
