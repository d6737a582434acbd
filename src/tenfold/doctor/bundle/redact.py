"""Taking secrets out of texts: those that are known by their value, and what looks like one. Pure.

Values that are known (generated passwords, what ``[env]`` took, passwords in URLs) are found in
every spelling in which they travel. What is not known is recognised by its surroundings,
generously: a masked word too many costs less than a password.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote, urlsplit

MASK: Final = "********"
SHORTEST: Final = 6
"""Shorter values cannot be told from ordinary text."""

SECRET_NAME: Final = re.compile(
    r"passw(or)?d|passphrase|pwd$|secret|token|credential|private_?key|api_?key|access_?key"
    r"|auth_?key|authorization|cookie|signature|session_?key|webhook|dsn|(^|_)key$",
    re.IGNORECASE,
)
"""Names of variables and settings whose values are likely to be one."""

_NAMES = (
    r"passw(?:or)?d|passphrase|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|authorization|cookie|sessionid|session[_-]?key|signature|csrf\w*"
)
_PATTERNS: Final = (
    (re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL), MASK),
    # A user and a password in front of a host; a port in front of a path is none.
    (re.compile(r"(://)[^\s/@\"']{0,200}:(?!\d+(?:[/?#\s]|$))[^\s@\"']{0,400}@"), rf"\1{MASK}@"),
    (re.compile(r"(://)[^\s/@\"']{1,200}@"), rf"\1{MASK}@"),
    (re.compile(r"\b((?:set-)?cookie\"?\s*[:=]\s*\"?)[^\"\n]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b(authorization:\s*)[^\n]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b(bearer|basic|token)\s+[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"SCRAM-SHA-256\$[^\s'\"]+"), MASK),
    (re.compile(r"\beyJ[\w-]{8,1000}\.[\w-]+\.[\w-]*"), MASK),
    (
        re.compile(
            r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{20,}|xox[abp]-[\w-]+|sk_(?:live|test)_\w+)"
        ),
        MASK,
    ),
    (re.compile(r"([?&][\w.\[\]-]+=)[^\s&\"'#]+"), rf"\1{MASK}"),
    (
        re.compile(
            rf"((?:{_NAMES})[\w.-]{{0,40}}[\"']?\s*(?:=>|[:=])\s*)"
            r"(?!['\"]?(?:scram-sha-256|on|off|true|false|null|none)['\"]?(?:[\s,;)}\]]|\Z))"
            r"(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|[\"']?[^\s,;&}\]\"']+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+"), MASK),
)
_IPV6: Final = re.compile(
    r"(?<![\w:])(?:(?:[0-9a-f]{1,4}:){1,6}:[0-9a-f:]{0,19}|(?:[0-9a-f]{1,4}:){5,7}[0-9a-f]{1,4})",
    re.IGNORECASE,
)
_ADDRESS: Final = re.compile(r"(?<![\d.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?![\d.])")


class Redactor:
    """Masks secrets in texts.

    Args:
        values: secrets that are known, as they are.
    """

    def __init__(self, values: Iterable[str]) -> None:
        spelled = {s for value in values for s in spellings(value) if not _is_plain(s)}
        self._known = sorted(spelled, key=lambda s: (-len(s), s))

    def text(self, text: str) -> str:
        """The text without known secrets, and without what looks like one."""
        text = self.known(text)
        for pattern, instead in _PATTERNS:
            text = pattern.sub(instead, text)
        return _ADDRESS.sub(_address, _IPV6.sub("ADDRESS", text))

    def known(self, text: str) -> str:
        """The text without known secrets; for what can hold no others."""
        for secret in self._known:  # the longest first: others may be a part of it
            text = text.replace(secret, MASK)
        return text

    def data(self, data: Any) -> Any:
        """The same for everything in plain data; what a telling name names is masked as a whole."""
        match data:
            case str():
                return self.text(data)
            case Mapping():
                return {self.known(str(k)): self._named(str(k), v) for k, v in data.items()}
            case list() | tuple():
                return [self.data(item) for item in data]
            case _:
                return data

    def has_known(self, text: str) -> bool:
        """Whether a known secret is in the text."""
        return any(secret in text for secret in self._known)

    def _named(self, name: str, value: Any) -> Any:
        return MASK if isinstance(value, str) and SECRET_NAME.search(name) else self.data(value)


def _is_plain(value: str) -> bool:
    """Too short, or a number such as a port: it would be found where it is none."""
    return len(value) < SHORTEST or (value.isdigit() and len(value) < 10) or value in MASK


def spellings(value: str) -> Iterator[str]:
    """A secret as it may stand in a text: in URLs, in JSON, in base64, and the password in it."""
    for plain in dict.fromkeys((value, *passwords(value))):
        yield plain
        yield quote(plain, safe="")
        yield quote_plus(plain)
        yield json.dumps(plain)[1:-1]
        yield repr(plain)[1:-1]
        if len(plain) >= 8:
            yield base64.b64encode(plain.encode()).decode().rstrip("=")


def passwords(text: str) -> Iterator[str]:
    """The password in a URL, as it is written and as it is meant."""
    try:
        password = urlsplit(text).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def likely(environment: Mapping[str, str]) -> Iterator[str]:
    """Values of variables that are likely secrets, by their names or by a password in them."""
    for name, value in environment.items():
        if SECRET_NAME.search(name):
            yield value
        yield from passwords(value)


def _address(found: re.Match[str]) -> str:
    """Addresses of visitors are masked; those of one's own machines are not."""
    first, second = int(found[1]), int(found[2])
    own = (
        first in (0, 10, 127)
        or (first, second) == (192, 168)
        or (first == 172 and 16 <= second < 32)
    )
    return found[0] if own else "ADDRESS"
