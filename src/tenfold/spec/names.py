"""Checks of what the edge is called and of where it leads: names, paths, users."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

LETS_ENCRYPT: Final = "https://acme-v02.api.letsencrypt.org/directory"
MAX_DOMAINS: Final = 20
MAX_REDIRECTS: Final = 500
MAX_USERS: Final = 20
WWW: Final = "www."
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ADDRESS = re.compile(r"[0-9.]+")
_PATH = re.compile(r"/[A-Za-z0-9._~!@&+=,:/-]*")
_TARGET = re.compile(r"(?:https?://[A-Za-z0-9.:-]+)?/[A-Za-z0-9._~!@&+=,:/?#%-]*")
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_PASSWORD = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]+")
_OWN = ("/.tenfold/", "/.well-known/acme-challenge/")


def domain(text: str) -> str:
    """A name by which people call the site, in lower case.

    Raises:
        ValueError: it is none; says what to write instead.
    """
    plain = text.lower().rstrip(".")
    if "*" in text:
        raise ValueError(f'"{text}" has a wildcard; list the names that the site has')
    if not text.isascii():
        raise ValueError(f'"{text}" is not in letters of ASCII; write "{_punycode(text)}"')
    if "/" in text or ":" in text:
        raise ValueError(f'"{text}" is not a name alone; write for example "example.org"')
    if _ADDRESS.fullmatch(plain) or not _DOMAIN.fullmatch(plain) or len(plain) > 253:
        raise ValueError(f'"{text}" is not a domain name; write for example "example.org"')
    return plain


def _punycode(text: str) -> str:
    try:
        return text.encode("idna").decode()
    except UnicodeError:
        return "xn--..."


def twin(name: str) -> str:
    """The same name with ``www.`` in front, or without if it has that."""
    return name.removeprefix(WWW) if name.startswith(WWW) else WWW + name


def redirect_source(text: str) -> str:
    """The path of a redirect: one whole path, without query or escapes."""
    if not _PATH.fullmatch(text) or "//" in text or "/./" in text or "/../" in text:
        raise ValueError(
            f'"{text}" is not a path; write it as people see it, for example "/old", '
            "without query, escapes and wildcards"
        )
    if any(text.startswith(own) for own in _OWN):
        raise ValueError(f'"{text}" is answered by the edge itself')
    return text


def redirect_target(text: str) -> str:
    """Where a redirect leads: a path of this site, or a whole http(s) URL."""
    if text.startswith("//") or not _TARGET.fullmatch(text):
        raise ValueError(
            f'"{text}" leads nowhere; write a path such as "/new", or a whole URL such as '
            '"https://example.org/new"'
        )
    return text


def user(text: str) -> str:
    """A user of basic authentication."""
    if not _USER.fullmatch(text):
        raise ValueError(f'"{text}" is not a user name: letters, digits and . _ @ + -, at most 64')
    return text


def password(text: Any) -> Any:
    """``${NAME}`` and nothing else: no password stands in the file."""
    if not isinstance(text, str) or not _PASSWORD.fullmatch(text):
        raise ValueError('is not a reference; write "${NAME}", so that no password is in the file')
    return text


def email(text: str) -> str:
    """One address."""
    if not _EMAIL.fullmatch(text):
        raise ValueError(f'"{text}" is not an e-mail address')
    return text


def directory(text: str) -> str:
    """The directory URL of a certificate authority, over https."""
    parts = urlsplit(text)
    if parts.scheme != "https" or not parts.hostname or parts.username or not text.isascii():
        raise ValueError(f'"{text}" is not an https URL, for example "{LETS_ENCRYPT}"')
    return text


def text_or_table(key: str) -> Any:
    """A validator that takes ``"text"`` for ``{ key = "text" }``."""

    def read(value: Any) -> Any:
        return {key: value} if isinstance(value, str) else value

    return read


def circle(leads: Mapping[str, str], hosts: Sequence[str]) -> tuple[str, ...]:
    """The redirects that lead to one another for ever, or none.

    Args:
        leads: path -> where it leads, a path or a URL.
        hosts: names of this very site, whose URLs lead back to it.
    """
    for start in leads:
        way, here = [start], _path(leads[start], hosts)
        while here in leads and here not in way:
            way.append(here)
            here = _path(leads[here], hosts)
        if here in way:
            return (*way[way.index(here) :], here)
    return ()


def _path(target: str, hosts: Sequence[str]) -> str:
    """The path on this site to which a target leads; empty if it leads elsewhere."""
    parts = urlsplit(target)
    return parts.path if not parts.netloc or parts.hostname in hosts else ""
