"""Reads the SQL that ``pg_dump`` and ``pg_restore`` write: statements, and the data between them.

Knows as much of SQL as is needed to see where a statement ends, as psql does. Pure, but that it
reads the stream that it is given, in pieces: a table is never in memory.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

PIECE_BYTES: Final = 1 << 18
COMPLETE: Final = b"-- PostgreSQL database dump complete"
_END: Final = b"\\.\n"
_LONE: Final = rb"(?<![\w$\x80-\xff])"
_TOKEN: Final = re.compile(
    rb"(?P<line>--)|(?P<comment>/\*)|(?P<text>" + _LONE + rb"[eE]'|')|(?P<name>\")"
    rb"|(?P<tag>" + _LONE + rb"\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$)"
    rb"|(?P<end>;)|(?P<open>\()|(?P<close>\))"
)
_COMMENT: Final = re.compile(rb"/\*|\*/")
_BLOCK: Final = re.compile(rb"\b(begin|case|end)\b", re.IGNORECASE)
_COPY: Final = re.compile(rb"COPY\s.*\sFROM\s+stdin\b", re.IGNORECASE | re.DOTALL)
_ROUTINE: Final = re.compile(rb"CREATE\s+(OR\s+REPLACE\s+)?(FUNCTION|PROCEDURE)\b", re.IGNORECASE)
_ANCIENT: Final = re.compile(rb"SET\s+standard_conforming_strings\s*(=|TO)\s*off", re.IGNORECASE)


class Broken(ValueError):
    """The stream ends too early, or is not what ``pg_dump`` writes; the text says where."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon, or one command of psql, and the line it begins in."""

    text: bytes
    line: int
    for_psql: bool = False


class Data:
    """The rows behind a COPY statement; to be read before the script goes on."""

    def __init__(self, script: Script, header: Statement) -> None:
        self.header = header
        self._script = script
        self._open = True

    def pieces(self) -> Iterator[list[bytes]]:
        """Lines without their ends, many at a time.

        Raises:
            Broken: the stream ends before the data does.
        """
        while self._open:
            lines = self._script.take()
            if not lines or not lines[-1].endswith(b"\n"):
                raise Broken(f"it ends within the data that begin in line {self.header.line}")
            if _END in lines:
                at = lines.index(_END)
                self._script.give_back(lines[at + 1 :])
                lines = lines[:at]
                self._open = False
            if lines:
                yield [line.removesuffix(b"\n") for line in lines]


class Script:
    """Iterates over statements and data, in their order."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._ready: deque[bytes] = deque()
        self.line = 0
        self.complete = False
        """Whether the last line that ``pg_dump`` writes has been seen."""

    def __iter__(self) -> Iterator[Statement | Data]:
        scanner = _Scanner()
        while line := self._next():
            if not scanner.begun and line.startswith(b"\\"):
                yield Statement(line.strip(), self.line, for_psql=True)
                continue
            if line.startswith(COMPLETE) and not scanner.begun:
                self.complete = True
            for statement in scanner.feed(line, self.line):
                yield statement
                if _COPY.match(statement.text):
                    data = Data(self, statement)
                    yield data
                    for _ in data.pieces():  # whatever its reader left
                        pass
        if scanner.begun:
            raise Broken(f"it ends within the statement that begins in line {scanner.began}")

    def take(self) -> list[bytes]:
        """The next lines, with their ends; nothing at the end."""
        lines = list(self._ready) or self._stream.readlines(PIECE_BYTES)
        self._ready.clear()
        self.line += len(lines)
        return lines

    def give_back(self, lines: list[bytes]) -> None:
        """What of the taken lines was not meant."""
        self._ready.extendleft(reversed(lines))
        self.line -= len(lines)

    def _next(self) -> bytes:
        line = self._ready.popleft() if self._ready else self._stream.readline()
        self.line += bool(line)
        return line


class _Scanner:
    """Finds the ends of statements, line by line; comments are left out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bare: list[bytes] = []
        self._quote: bytes | None = None
        self._comments = 0
        self._parentheses = 0
        self._escaping = False
        self._ancient = False
        self.began = 0

    @property
    def begun(self) -> bool:
        """Whether a statement or a comment has begun and not ended."""
        return bool(self._parts) or self._comments > 0

    def feed(self, line: bytes, number: int) -> Iterator[Statement]:
        """Every statement that ends in this line."""
        at = 0
        while at < len(line):
            if self._comments:
                at = self._past_comment(line, at)
            elif self._quote is not None:
                end = self._past_quote(line, at, self._quote)
                self._keep(line[at:end], number)
                at = end
            else:
                token = _TOKEN.search(line, at)
                bare = line[at : token.start()] if token else line[at:]
                self._keep(bare, number)
                self._bare.append(bare)
                if token is None:
                    return
                if token.lastgroup == "line":
                    self._keep(b"\n", number)
                    return
                at = token.end()
                if token.lastgroup == "end" and not self._open():
                    if self._parts:
                        yield self._finished()
                else:
                    self._take(token, number)

    def _take(self, token: re.Match[bytes], number: int) -> None:
        match token.lastgroup:
            case "comment":
                self._comments = 1
                self._keep(b" ", number)
                return
            case "text":
                self._quote = b"'"
                self._escaping = self._ancient or len(token[0]) > 1
            case "name" | "tag":
                self._quote, self._escaping = token[0], False
            case "open":
                self._parentheses += 1
            case "close":
                self._parentheses = max(0, self._parentheses - 1)
        self._keep(token[0], number)

    def _open(self) -> bool:
        """Whether a semicolon here is a part of the statement.

        Bodies of routines in standard SQL have some, between BEGIN and END.
        """
        if self._parentheses:
            return True
        bare = b" ".join(self._bare).lstrip()
        if not _ROUTINE.match(bare):
            return False
        blocks = 0
        for word in _BLOCK.findall(bare):
            match word.lower():
                case b"begin":
                    blocks += 1
                case b"case":
                    blocks += blocks > 0
                case b"end":
                    blocks -= blocks > 0
        return blocks > 0

    def _past_comment(self, line: bytes, at: int) -> int:
        found = _COMMENT.search(line, at)
        if found is None:
            return len(line)
        self._comments += 1 if found[0] == b"/*" else -1
        return found.end()

    def _past_quote(self, line: bytes, at: int, quote: bytes) -> int:
        """Behind the end of what is quoted, or the line's end if that is not in it."""
        while (end := line.find(quote, at)) >= 0:
            at = end + len(quote)
            if self._escaping and _odd_backslashes(line, end):
                continue
            if len(quote) == 1 and line.startswith(quote, at):  # doubled: one of the text's own
                at += 1
                continue
            self._quote = None
            return at
        return len(line)

    def _keep(self, part: bytes, number: int) -> None:
        if not self._parts:
            part = part.lstrip()
            if not part:
                return
            self.began = number
        self._parts.append(part)

    def _finished(self) -> Statement:
        text = b"".join(self._parts).rstrip()
        self._parts, self._bare = [], []
        if _ANCIENT.fullmatch(text):
            self._ancient = True
        return Statement(text, self.began)


def _odd_backslashes(line: bytes, at: int) -> bool:
    before = line[:at]
    return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1
