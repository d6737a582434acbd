"""Where each key of a TOML document stands: the line numbers that ``tomllib`` does not give.

Reads only documents that ``tomllib`` has accepted, so it needs no error of its own. Weighed against
a parser that keeps positions: docs/decisions/0008-toml-line-numbers.md.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Key = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def lines(text: str) -> Mapping[Key, int]:
    """The line (from 1) of every table, key and array element of a valid document.

    Elements of arrays, of arrays of tables too, are numbered from 0: ``("load", "requests", 0)``.
    """
    reader = _Reader(text.replace("\r\n", "\n"))
    reader.document()
    return reader.found


@dataclass
class _Reader:
    text: str
    at: int = 0
    found: dict[Key, int] = field(default_factory=dict)
    # How many elements an array of tables has so far; its headers refer to the newest.
    counts: dict[Key, int] = field(default_factory=dict)

    def document(self) -> None:
        table: Key = ()
        while self.skip(_BLANK) < len(self.text):
            start = self.at
            if self.take("[["):
                table = self.element(tuple(self.key()))
                self.note(table, start)
                self.take("]]")
            elif self.take("["):
                table = self.resolve(tuple(self.key()))
                self.note(table, start)
                self.take("]")
            else:
                self.pair(table)

    def pair(self, table: Key) -> None:
        start = self.at
        path = table
        for part in self.key():
            path = (*path, part)
            self.note(path, start)
        self.take("=")
        self.skip(_SPACE)
        self.value(path)

    def key(self) -> Iterator[str]:
        while True:
            self.skip(_SPACE)
            quoted = _STRING.match(self.text, self.at)
            raw = quoted or _BARE.match(self.text, self.at)
            assert raw is not None
            self.at = raw.end()
            yield tomllib.loads(f"key = {raw[0]}")["key"] if quoted else raw[0]
            self.skip(_SPACE)
            if not self.take("."):
                return

    def value(self, path: Key) -> None:
        if self.take("["):
            self.array(path)
        elif self.take("{"):
            self.inline_table(path)
        elif not self.skip_match(_STRING):
            self.skip_match(_SCALAR)

    def array(self, path: Key) -> None:
        index = 0
        while self.skip(_BLANK) < len(self.text) and not self.take("]"):
            self.note((*path, index), self.at)
            self.value((*path, index))
            self.skip(_BLANK)
            self.take(",")
            index += 1

    def inline_table(self, path: Key) -> None:
        while self.skip(_BLANK) < len(self.text) and not self.take("}"):
            self.pair(path)
            self.skip(_BLANK)
            self.take(",")

    def element(self, path: Key) -> Key:
        array = (*self.resolve(path[:-1]), path[-1])
        index = self.counts.get(array, 0)
        self.counts[array] = index + 1
        return (*array, index)

    def resolve(self, path: Key) -> Key:
        """A header's path with the newest index put behind every array of tables."""
        resolved: Key = ()
        for part in path:
            resolved = (*resolved, part)
            if resolved in self.counts:
                resolved = (*resolved, self.counts[resolved] - 1)
        return resolved

    def note(self, path: Key, at: int) -> None:
        line = self.text.count("\n", 0, at) + 1
        for depth in range(1, len(path) + 1):
            self.found.setdefault(path[:depth], line)

    def take(self, text: str) -> bool:
        if not self.text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        return self.at

    def skip_match(self, pattern: re.Pattern[str]) -> bool:
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found is not None
