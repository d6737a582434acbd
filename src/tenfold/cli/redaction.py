"""Arguments as they may be kept: without what looks like a secret, or is known to be one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

MASK = "********"
MAX_CHARACTERS = 300
MAX_ARGUMENTS = 50
_SHORTEST = 4
_WORDS = r"(?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|credential|private[_-]?key|auth)"
_OPTION = re.compile(rf"--?[\w-]*{_WORDS}[\w-]*", re.IGNORECASE)
_ASSIGNED = re.compile(rf"([\w.-]*{_WORDS}[\w.-]*\s*[=:]\s*)(\S.*)", re.IGNORECASE | re.DOTALL)
_IN_A_URL = re.compile(r"(://[^/\s:@]*:)([^@\s/]+)(@)")
_IN_SQL = re.compile(r"(\bpassword\s+)'(?:[^']|'')*'", re.IGNORECASE)


def redacted(arguments: Sequence[str], known: Iterable[str] = ()) -> tuple[str, ...]:
    """Every argument, with values that look like secrets, and those that are ``known``, masked."""
    values = sorted((v for v in known if len(v) >= _SHORTEST), key=len, reverse=True)
    found = [_cut(text) for text in _masked(arguments, values)]
    if len(found) > MAX_ARGUMENTS:
        found = [*found[:MAX_ARGUMENTS], f"... and {len(found) - MAX_ARGUMENTS} more"]
    return tuple(found)


def without(text: str, known: Iterable[str]) -> str:
    """A text with every known value masked."""
    for value in sorted((v for v in known if len(v) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(value, MASK)
    return text


def _masked(arguments: Sequence[str], values: Sequence[str]) -> Iterator[str]:
    names_a_secret = False
    for argument in arguments:
        if names_a_secret and not argument.startswith("-"):
            names_a_secret = False
            yield MASK
            continue
        names_a_secret = _OPTION.fullmatch(argument) is not None
        text = without(argument, values)
        text = _IN_A_URL.sub(rf"\1{MASK}\3", text)
        text = _IN_SQL.sub(rf"\1'{MASK}'", text)
        yield _ASSIGNED.sub(rf"\1{MASK}", text)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]}..."
