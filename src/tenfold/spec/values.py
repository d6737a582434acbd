"""Checks of single values, each with an error that shows what to write instead."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

MAX_COUNT: Final = 256
MAX_ENVIRONMENT_LENGTH: Final = 20
NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_ENTRY = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_URL = re.compile(r"/[A-Za-z0-9._~!@&+=,:%/?-]*")
_ASSET_URL = re.compile(r"(/[A-Za-z0-9._~@-]+)+")
# What nginx cannot take in a path even when it is quoted, and control characters.
_UNSAFE_IN_PATH = re.compile(r"[\x00-\x1f\x7f$\"'\\;{}]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REFERENCE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")
# In place of a ${NAME} while a text around it is looked at.
_TAKEN = "0taken0"
_RESERVED = re.compile(r"DATABASE_URL(_.*)?|TENFOLD_.*|PYTHONPATH|PYTHONHOME")


def slug(text: str) -> str:
    """The nearest valid name to any text: ``"My App"`` gives ``"my-app"``."""
    letters = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-0123456789")
    return letters[:40].rstrip("-") or "app"


def name(text: str) -> str:
    """A name that is good in URLs, host names and database names."""
    if not NAME.fullmatch(text):
        raise ValueError(
            f'"{text}" is not a name: use lower-case letters, digits and hyphens, at most 40, '
            f'a letter first; for example "{slug(text)}"'
        )
    return text


def environment_name(text: str) -> str:
    """As a name, but short: it is part of the names of folders and processes."""
    if text == "default":
        raise ValueError("is the environment that the rest of the file describes")
    if len(text) > MAX_ENVIRONMENT_LENGTH:
        raise ValueError(f"has more than {MAX_ENVIRONMENT_LENGTH} characters")
    return name(text)


def entry(text: str) -> str:
    """``module:attribute`` or ``module:factory()``; slips are answered with what was meant."""
    if _ENTRY.fullmatch(text.removesuffix("()")) and ".py:" not in text:
        return text
    hint = _entry_hint(text)
    meant = f'; did you mean "{hint}"?' if hint else ', for example "conduit.main:app"'
    raise ValueError(f'"{text}" is not "module:attribute"{meant}')


def _entry_hint(text: str) -> str | None:
    file, colon, attribute = text.partition(":")
    module = re.sub(r"\.py$", "", file.removeprefix("./")).replace("/", ".")
    if not colon:
        module, _, attribute = module.rpartition(".")
        if file.endswith(".py"):
            module, attribute = f"{module}.{attribute}".lstrip("."), "app"
    guess = f"{module}:{attribute}"
    return guess if _ENTRY.fullmatch(guess) else None


def url_path(text: str) -> str:
    """An absolute URL path without scheme and host."""
    if not _URL.fullmatch(text):
        raise ValueError(f'"{text}" is not a URL path; it starts with "/", for example "/healthz"')
    return text


def relative_path(text: str) -> str:
    """A directory of the project, normalised; never outside it."""
    path = PurePosixPath(text)
    if not text or path.is_absolute() or ".." in path.parts or _UNSAFE_IN_PATH.search(text):
        raise ValueError(
            f'"{text}" is not a directory of the project; write it relative to tenfold.toml, '
            f"without .. and without $ \" ' \\ ; {{ }}"
        )
    return str(path)


def file_path(text: str) -> str:
    """A file, relative to ``tenfold.toml`` or absolute."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise ValueError("has control characters, which no file needs in its name")
    return text


def asset_url(text: str) -> str:
    """A URL prefix without a slash at its end."""
    prefix = text.rstrip("/")
    if not _ASSET_URL.fullmatch(prefix):
        raise ValueError(f'"{text}" is not a URL prefix; write for example "/static"')
    return prefix


def auto_or_count(value: Any) -> Any:
    """``"auto"``, or a whole number from 1 to 256."""
    if value == "auto":
        return value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COUNT:
        shown = f'"{value}"' if isinstance(value, str) else str(value).lower()
        raise ValueError(f'{shown} is neither "auto" nor a number from 1 to {MAX_COUNT}')
    return value


def postgres_source(text: str) -> str:
    """``wheel``, ``path`` or an absolute directory."""
    if text in ("wheel", "path") or text.startswith("/"):
        return text
    raise ValueError(
        f'"{text}" is neither "wheel" nor "path" nor an absolute directory such as '
        f'"/usr/lib/postgresql/17/bin"'
    )


def ip_address(text: str) -> str:
    """An IPv4 or IPv6 address; host names are refused, for they may change their meaning."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        example = ' (for this machine alone: "127.0.0.1")' if text == "localhost" else ""
        raise ValueError(f'"{text}" is not an IP address{example}') from None


def command(text: str) -> str:
    """A command that splits into words the way a shell would split it."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(_unsplit(text, error)) from None
    if not words:
        raise ValueError("is empty")
    return text


def worker_command(text: str) -> str:
    """A command that stays in the foreground; what is known to leave it is refused."""
    words = shlex.split(command(text))
    if "multi" in words[1:2] and words[0].rpartition("/")[2] == "celery":
        raise ValueError("celery multi leaves its workers alone; write: celery -A APP worker")
    left = {"--detach", "--daemon", "--daemonize"} & set(words)
    if "celery" in words[0] and "-D" in words:
        left |= {"-D"}
    if left:
        raise ValueError(f"{min(left)} puts it in the background, where nobody watches it")
    if any(word in ("&", "&&", "|", ";", ">") for word in words):
        raise ValueError("no shell reads it; write one command, or one with sh -c '...'")
    return text


def shell_command(text: str) -> str:
    """A line for ``/bin/sh``, where comments may hold a lone quote, and here-documents too."""
    if "<<" not in text:
        try:
            shlex.split(text, comments=True)
        except ValueError as error:
            raise ValueError(_unsplit(text, error)) from None
    return text


def _unsplit(text: str, error: ValueError) -> str:
    lacks = "a closing quote is missing" if "quotation" in str(error) else 'it ends with a "\\"'
    return f"{text} is not a command: {lacks}"


def variable_name(text: str) -> str:
    """A name that every shell accepts, and that Tenfold does not set itself."""
    if not _VARIABLE.fullmatch(text):
        raise ValueError(f'"{text}" is not a variable name: letters, digits and _, no digit first')
    if _RESERVED.fullmatch(text):
        raise ValueError("Tenfold sets it; it cannot be given here")
    return text


def variable_value(value: Any) -> str:
    """A text in which every ``${`` opens a ``${NAME}``."""
    if not isinstance(value, str):
        raise ValueError(f'{str(value).lower()} is not a text; write it as "{str(value).lower()}"')
    if "\x00" in value:
        raise ValueError("a NUL character cannot be part of an environment variable")
    if any(found[0] == "${" for found in _REFERENCE.finditer(value)):
        raise ValueError('"${" without "NAME}" after it; for a "$" itself write "$$"')
    return value


def database_url(value: Any) -> str:
    """The URL of the user's own PostgreSQL; a password in it comes from a variable."""
    return _own_url(value, ("postgresql", "postgres"), "PostgreSQL", "DATABASE_URL")


def redis_url(value: Any) -> str:
    """The URL of the user's own Redis-compatible server; a password comes from a variable."""
    schemes = ("redis", "rediss", "valkey", "valkeys", "unix")
    return _own_url(value, schemes, "Redis", "REDIS_URL")


def _own_url(value: Any, schemes: Collection[str], of: str, variable: str) -> str:
    text = variable_value(value)
    whole = _REFERENCE.sub(lambda found: _TAKEN if found[1] else "$", text)
    if whole.startswith(_TAKEN):
        return text
    instead = f'write url = "${{{variable}}}", and set that variable'
    try:
        parts = urlsplit(whole)
        passwords = [parts.password, *(v for k, v in parse_qsl(parts.query) if k == "password")]
    except ValueError:
        raise ValueError(f"is not a URL; {instead}") from None
    if parts.scheme.partition("+")[0] not in schemes:
        raise ValueError(f"is not a URL of {of}; {instead}")
    if any(password and _TAKEN not in password for password in passwords):
        raise ValueError(f"has a password in it; {instead}")
    return text


def references(text: str) -> tuple[str, ...]:
    """The names that ``${NAME}`` asks for, in order."""
    return tuple(found[1] for found in _REFERENCE.finditer(text) if found[1])


def expand(text: str, environ: Mapping[str, str]) -> str:
    """``text`` with every ``${NAME}`` replaced and ``$$`` made one ``$``.

    Raises:
        KeyError: a name that ``environ`` does not have.
    """
    return _REFERENCE.sub(lambda found: environ[found[1]] if found[1] else "$", text)
