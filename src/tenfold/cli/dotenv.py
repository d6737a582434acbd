"""``.env`` files: names and values, as the usual libraries for them understand them. Pure.

``NAME=value``, ``export NAME=value``, quotes of both kinds, comments. Nothing is expanded: a value
with ``${...}`` is taken as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_ASSIGNMENT = re.compile(
    r"""
    (?:export[ \t]+)? ([A-Za-z_][A-Za-z0-9_.-]*) [ \t]* = [ \t]*
    (?: '([^']*)' | "((?:[^"\\]|\\.)*)" | ([^\n]*) )
    """,
    re.VERBOSE | re.DOTALL,
)
_AFTER_QUOTES = re.compile(r"[ \t]*(#[^\n]*)?(?=\n|$)")
_SKIPPED = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*$")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r", "t": "\t"}


class Unclear(ValueError):
    """A line that is no assignment; the text names it, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment."""

    name: str
    value: str
    line: int


def parse(text: str) -> tuple[Entry, ...]:
    """Every assignment, in order; of a name that comes twice the last one counts.

    Raises:
        Unclear: a line is none.
    """
    found = {entry.name: entry for entry in _entries(text.replace("\r\n", "\n"))}
    return tuple(found.values())


def _entries(text: str) -> Iterator[Entry]:
    at = 0
    while True:
        skipped = _SKIPPED.match(text, at)
        assert skipped is not None
        at = skipped.end()
        if at >= len(text) or text[at:].lstrip(" \t").startswith("#"):
            return
        line = text.count("\n", 0, at) + 1
        found = _ASSIGNMENT.match(text, at)
        if found is None:
            raise Unclear(f"line {line} is not NAME=value")
        at = found.end()
        name, single, double, bare = found.groups()
        if bare is not None:
            if bare[:1] in ("'", '"'):
                raise Unclear(f"the quotes of {name} in line {line} do not end")
            yield Entry(name, _COMMENT.sub("", bare).strip(), line)
            continue
        rest = _AFTER_QUOTES.match(text, at)
        if rest is None:
            raise Unclear(f"line {line}: something stands behind the quotes of {name}")
        at = rest.end()
        value = single if single is not None else _ESCAPED.sub(_unescaped, double)
        yield Entry(name, value, line)


def _unescaped(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[1] if found[1] in "\\\"'$`" else found[0])
