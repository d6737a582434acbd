"""Where statements of a dump end, and where its data does."""

from __future__ import annotations

import io

import pytest

from tenfold.importing import script
from tenfold.importing.script import Broken, Data, Script, Statement


def read(text: str) -> list[object]:
    """Texts of statements, and lists of lines of data."""
    found: list[object] = []
    for part in Script(io.BytesIO(text.encode())):
        if isinstance(part, Data):
            found.append([line.decode() for lines in part.pieces() for line in lines])
        else:
            found.append(part.text.decode())
    return found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SELECT 1;\nSELECT 2;\n", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("-- a; comment\nSELECT 1;", ["SELECT 1"]),
        ("SELECT 1 -- not; here\n + 1;", ["SELECT 1 \n + 1"]),
        ("/* a; /* nested; */ b; */ SELECT 1;", ["SELECT 1"]),
        ("SELECT /* x;\ny; */ 1;", ["SELECT   1"]),
        ("SELECT 'a;b';", ["SELECT 'a;b'"]),
        ("SELECT 'it''s; so';", ["SELECT 'it''s; so'"]),
        ("SELECT 'two\nlines; -- no comment\n';", ["SELECT 'two\nlines; -- no comment\n'"]),
        (r"SELECT 'a\'; SELECT 2;", [r"SELECT 'a\'", "SELECT 2"]),
        (r"SELECT E'a\'; b'; SELECT 2;", [r"SELECT E'a\'; b'", "SELECT 2"]),
        (r"SELECT E'a''b\'; c';", [r"SELECT E'a''b\'; c'"]),
        (r"SELECT date'\'; SELECT 2;", [r"SELECT date'\'", "SELECT 2"]),
        ('SELECT "a;""b";', ['SELECT "a;""b"']),
        ("SELECT $$a;b$$;", ["SELECT $$a;b$$"]),
        ("SELECT $x$a;$$;$x$;", ["SELECT $x$a;$$;$x$"]),
        ("SELECT a$b$ FROM t; SELECT 2;", ["SELECT a$b$ FROM t", "SELECT 2"]),
        ("CREATE RULE r DO (a; b);", ["CREATE RULE r DO (a; b)"]),
        (
            "CREATE FUNCTION f()\n BEGIN ATOMIC\n SELECT CASE WHEN a THEN 1 END; END;\nS;",
            ["CREATE FUNCTION f()\n BEGIN ATOMIC\n SELECT CASE WHEN a THEN 1 END; END", "S"],
        ),
        ("CREATE TABLE t (\n  begin int\n); S;", ["CREATE TABLE t (\n  begin int\n)", "S"]),
        ("SET standard_conforming_strings = off;\nSELECT 'a\\'; b';", [
            "SET standard_conforming_strings = off", "SELECT 'a\\'; b'"]),
        (";;\n", []),
        ("SELECT 'größer; 語';", ["SELECT 'größer; 語'"]),
    ],
)  # fmt: skip
def test_statements(text: str, found: list[str]) -> None:
    assert read(text) == found


def test_data_are_lines_until_a_backslash_and_a_dot() -> None:
    text = "COPY t (a) FROM stdin;\n1;\n--2\n\\N\n\\.\n\nSELECT 1;\n"
    assert read(text) == ["COPY t (a) FROM stdin", ["1;", "--2", "\\N"], "SELECT 1"]


def test_no_rows_are_no_lines() -> None:
    assert read("COPY t (a) FROM stdin;\n\\.\n") == ["COPY t (a) FROM stdin", []]


def test_data_that_nobody_reads_are_passed_over() -> None:
    texts = [
        part.text
        for part in Script(io.BytesIO(b"COPY t (a) FROM stdin;\nSELECT;\n\\.\nSELECT 1;\n"))
        if isinstance(part, Statement)
    ]
    assert texts == [b"COPY t (a) FROM stdin", b"SELECT 1"]


def test_data_in_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PIECE_BYTES", 10)
    rows = [str(i) for i in range(100)]
    text = "COPY t (a) FROM stdin;\n" + "".join(f"{r}\n" for r in rows) + "\\.\nSELECT 1;\n"
    assert read(text) == ["COPY t (a) FROM stdin", rows, "SELECT 1"]


def test_lines_are_counted() -> None:
    text = b"\n-- x\nSELECT 1;\nCOPY t (a) FROM stdin;\n1\n2\n\\.\n\nSELECT\n 2;\n"
    lines = [p.line for p in Script(io.BytesIO(text)) if isinstance(p, Statement)]
    assert lines == [3, 4, 9]


def test_commands_of_psql_are_told_apart() -> None:
    (command, statement) = Script(io.BytesIO(b"\\restrict abc\nSELECT 1;\n"))
    assert isinstance(command, Statement)
    assert command.for_psql
    assert command.text == b"\\restrict abc"
    assert isinstance(statement, Statement)
    assert not statement.for_psql


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1", "within the statement that begins in line 1"),
        ("\nSELECT 'a;\n", "within the statement that begins in line 2"),
        ("COPY t (a) FROM stdin;\n1\n2\n", "within the data that begin in line 1"),
    ],
)
def test_an_end_that_comes_too_early(text: str, why: str) -> None:
    with pytest.raises(Broken, match=why):
        read(text)


def test_whether_its_last_line_was_there() -> None:
    for text, complete in (("", False), ("--\n-- PostgreSQL database dump complete\n--\n", True)):
        reading = Script(io.BytesIO(text.encode()))
        assert not list(reading)
        assert reading.complete is complete


def test_the_last_line_in_a_text_is_none() -> None:
    reading = Script(io.BytesIO(b"SELECT '\n-- PostgreSQL database dump complete\n';\n"))
    list(reading)
    assert not reading.complete
