"""Where packages come from: what the caller's environment says of it, and how that stays secret.

Addresses of private indexes carry passwords. They go to the installer in its environment, as
secrets, never as arguments; what it prints is masked before anybody sees it.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tenfold.secret import Secret

MASK = "********"
# A shorter value would be found everywhere, and is no secret.
_SHORTEST = 4
_PASSED = re.compile(
    r"(?:UV_(?:INDEX|DEFAULT_INDEX|EXTRA_INDEX_URL|FIND_LINKS|KEYRING|OFFLINE|CACHE|HTTP|SYSTEM_CERTS"
    r"|NATIVE_TLS|INSECURE|CONCURRENT|REQUEST|LINK_MODE|NO_CACHE|EXCLUDE_NEWER|NO_BINARY|NO_BUILD)"
    r"|POETRY_(?:HTTP_BASIC|PYPI_TOKEN|REPOSITORIES|CERTIFICATES|INSTALLER|CACHE|REQUESTS)"
    r"|PDM_(?:CACHE|INDEX|PYPI|REQUEST))\w*"
    r"|(?:HTTPS?|ALL|NO|https?|all|no)_(?:PROXY|proxy)"
    r"|SSL_CERT_(?:FILE|DIR)|SSL_CLIENT_CERT|REQUESTS_CA_BUNDLE|NETRC"
)
_CHOSEN = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
_OF_PIP = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
}
_EXPANDED = re.compile(r"\$\{([A-Z0-9_]+)\}")
_LOGIN = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")


def passed(environ: Mapping[str, str], texts: Iterable[str] = ()) -> dict[str, str | Secret]:
    """Variables for installers: those that name indexes, proxies and certificates, and the
    ``${NAMES}`` that requirements files in ``texts`` ask for."""
    named = {name for text in texts for name in _EXPANDED.findall(text)}
    return {
        name: Secret(value)
        for name, value in environ.items()
        if _PASSED.fullmatch(name) or name in named
    }


def as_pip_knows(environ: Mapping[str, str]) -> dict[str, str | Secret]:
    """What pip is told about indexes, said to uv, which does not ask pip: a private index that is
    left out would mean that another one's packages of the same names are installed."""
    if any(name in environ for name in _CHOSEN):
        return {}
    told: dict[str, str] = {}
    for file in _files(environ):
        told |= dict(_from_file(file))
    for key in _OF_PIP:
        value = environ.get(f"PIP_{key.upper().replace('-', '_')}")
        if value is not None:
            told[key] = value
    found = {_OF_PIP[key]: " ".join(value.split()) for key, value in told.items() if value.strip()}
    if "UV_FIND_LINKS" in found:
        found["UV_FIND_LINKS"] = found["UV_FIND_LINKS"].replace(" ", ",")
    if "UV_INDEX" in found:
        # pip takes the best version of all indexes; uv would stop at the first that has any.
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {name: Secret(value) for name, value in found.items() if name not in environ}


def _files(environ: Mapping[str, str]) -> Iterator[Path]:
    """The configuration files of pip, in the order in which later ones win."""
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return
    home = Path(environ.get("HOME", "/"))
    yield Path("/etc/pip.conf")
    yield home / ".pip/pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME", home / ".config")) / "pip/pip.conf"
    if "PIP_CONFIG_FILE" in environ:
        yield Path(environ["PIP_CONFIG_FILE"])


def _from_file(file: Path) -> Iterator[tuple[str, str]]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, "utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return  # pip refuses it, and says why, whenever it is used
    for section in ("global", "install"):
        for key in _OF_PIP:
            if parser.has_option(section, key):
                yield key, parser.get(section, key)


def masked(text: str, variables: Mapping[str, str | Secret]) -> str:
    """A line of an installer without any secret that it was given, and without logins in URLs."""
    for value in sorted(_values(variables), key=len, reverse=True):
        text = text.replace(value, MASK)
    return _LOGIN.sub(MASK, text)


def _values(variables: Mapping[str, str | Secret]) -> Iterator[str]:
    for name, value in variables.items():
        if isinstance(value, Secret):
            plain = value.reveal()
            parts = [_login(url) for url in re.split(r"[\s,]+", plain)]
            whole = [] if _is_address(name) else [plain]
            for part in (*whole, *(word for words in parts for word in words)):
                if len(part) >= _SHORTEST:
                    yield part


def _is_address(name: str) -> bool:
    """Whether a variable holds no secret besides the logins in its addresses.

    To mask all of it would hide which index does not answer.
    """
    return not re.search(r"PASSWORD|TOKEN|USERNAME|HTTP_BASIC|KEY|SECRET", name)


def _login(url: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ()
    words = (parts.password, unquote(parts.password or ""))
    return tuple(word for word in words if word)
