"""By which names a Django project is reached, over HTTPS or not: what its settings say of that.

The edge tells an app what it sees itself: ``Host`` as the visitor sent it, ``X-Forwarded-Proto``
and ``X-Forwarded-For``. Whatever else a visitor, or a proxy in front, says of that kind it takes
away.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from tenfold.spec.detect.evaluate import Names
from tenfold.spec.detect.found import Note

TOLD: Final = "HTTP_X_FORWARDED_PROTO"
"""The header by which the edge says how it was asked, as Django writes it."""
TAKEN_AWAY: Final = frozenset({
    "HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_PREFIX",
    "HTTP_X_FORWARDED_PROTOCOL", "HTTP_X_FORWARDED_SCHEME", "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_FORWARDED_SSL", "HTTP_X_FORWARDED_USER", "HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL",
    "HTTP_PROXY",
})  # fmt: skip
"""Headers that do not reach the app, whoever sends them."""
_HERE: Final = ("127.0.0.1", "localhost")
_ENVIRONMENT: Final = re.compile(
    r"""(?:environ\[|environ\.get\(|getenv\(|\benv(?:\.\w+)?\(|\bconfig\()\s*["'](\w+)["']"""
)
_COMMAS: Final = re.compile(r"""split\(["'],["']\)|\.list\(|Csv\(|CommaSeparated""")
_SECURE: Final = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE")


def notes(settings: Names, name: str, source: str, *, health: bool) -> Iterator[Note]:
    """What to know, for what these settings have; nothing where all is right as it is.

    Args:
        settings: their values, as far as they can be read.
        name: what the settings module is called.
        source: its text.
        health: there is a health page, which Tenfold asks for by ``localhost``.
    """
    hosts = _texts(settings.get("ALLOWED_HOSTS"))
    if hosts is None:
        yield from _of_environment(source, name)
    else:
        yield from _hosts(hosts, settings.get("DEBUG"), name, health=health)
    domain = _domain(hosts or [])
    yield from _origins(settings, name)
    yield from _https(settings, name, domain)
    yield from _proxies(settings, name)


def _texts(value: Any) -> list[str] | None:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return value
    return None


def _hosts(hosts: list[str], debug: Any, name: str, *, health: bool) -> Iterator[Note]:
    """``ALLOWED_HOSTS`` as it is written there; with ``DEBUG`` an empty one is this machine."""
    if "*" in hosts:
        yield Note(
            f'ALLOWED_HOSTS has "*" in {name}',
            "fine here; others can then have links made that lead to them: name your hosts",
        )
        return
    if not hosts:
        if debug is False:
            yield Note(
                f"ALLOWED_HOSTS is empty in {name}",
                'every request gets 400; add "127.0.0.1" and "localhost"',
            )
        return
    if health and not {"localhost", ".localhost"} & {*hosts}:
        yield Note(
            f"ALLOWED_HOSTS has no localhost in {name}",
            "a new release is asked for its health page by that name, and would get 400",
        )
    elif not {*_HERE} & {*hosts}:
        yield Note(
            f"ALLOWED_HOSTS has neither 127.0.0.1 nor localhost in {name}",
            "http://127.0.0.1:8000, where up serves, gets 400; add both",
        )
    domain = _domain(hosts)
    if domain is not None:
        names = [_bare(host) for host in hosts if _is_public(host)]
        key = f'domain = "{domain}"' if len(names) == 1 else f"domains = {_listed(names)}"
        yield Note(
            f"ALLOWED_HOSTS names {', '.join(names)} in {name}",
            f'for HTTPS by those names: [edge] {key}, tls = "auto" (docs/howto/https.md)',
        )


def _listed(names: list[str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def _is_public(host: str) -> bool:
    """Whether it looks like a name that the world knows, and not one of this machine."""
    bare = _bare(host)
    is_name = re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+", bare, re.IGNORECASE)
    return is_name is not None and not bare.endswith((".localhost", ".local", ".test", ".internal"))


def _bare(host: str) -> str:
    """``.shop.example`` stands for the name and all below it."""
    return host.removeprefix(".")


def _domain(hosts: list[str]) -> str | None:
    return next((_bare(host) for host in hosts if _is_public(host)), None)


def _of_environment(source: str, name: str) -> Iterator[Note]:
    """Names that come from a variable: which one, and how they are written there."""
    expression = _assigned(source, "ALLOWED_HOSTS")
    if expression is None:
        return
    used = {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
    texts = [ast.unparse(expression)]
    texts += [ast.unparse(e) for e in (_assigned(source, one) for one in sorted(used)) if e]
    text = "\n".join(texts)
    variable = next(iter(_ENVIRONMENT.findall(text)), None)
    if variable is None:
        return
    between = "," if _COMMAS.search(text) else " "
    own = not all(f"'{host}'" in texts[0] for host in _HERE)
    value = between.join(("shop.example", *(_HERE if own else ())))
    yield Note(
        f"ALLOWED_HOSTS takes {variable} from the environment in {name}",
        f'once the site has a name: [env] {variable} = "{value}"',
    )


def _assigned(source: str, name: str) -> ast.expr | None:
    """What is assigned to a name last."""
    found = [
        node.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == name
    ]
    return found[-1] if found else None


def _origins(settings: Names, name: str) -> Iterator[Note]:
    """Django compares a form's origin with what it was asked itself; the setting is for others."""
    origins = _texts(settings.get("CSRF_TRUSTED_ORIGINS")) or []
    bare = [origin for origin in origins if "://" not in origin]
    if bare:
        yield Note(
            f"CSRF_TRUSTED_ORIGINS has {', '.join(bare)} without a scheme in {name}",
            f'Django 4 and later refuses that; write "https://{bare[0]}"',
        )
    hosts = _texts(settings.get("ALLOWED_HOSTS"))
    foreign = [o for o in origins if hosts and "://" in o and not _is_allowed(o, hosts)]
    if foreign:
        yield Note(
            f"CSRF_TRUSTED_ORIGINS has {', '.join(foreign)}, which ALLOWED_HOSTS has not",
            "forms of that site are accepted here; the site's own name belongs into both",
        )


def _is_allowed(origin: str, hosts: list[str]) -> bool:
    host = urlsplit(origin).hostname or ""
    wanted = host.removeprefix("*.")
    return any(
        allowed == "*"
        or wanted == _bare(allowed)
        or (allowed.startswith(".") and wanted.endswith(allowed))
        for allowed in hosts
    )


def _https(settings: Names, name: str, domain: str | None) -> Iterator[Note]:
    """What works over HTTPS alone: the edge speaks it, and the app's server is told."""
    key = f'[edge] domain = "{domain or "shop.example"}", tls = "auto"'
    if settings.get("SECURE_SSL_REDIRECT") is True:
        yield Note(
            f"SECURE_SSL_REDIRECT is on in {name}",
            "visitors over HTTP are redirected for ever unless something in front speaks HTTPS:"
            f" {key} does, and needs no other setting",
        )
        return
    secure = [setting for setting in _SECURE if settings.get(setting) is True]
    if secure:
        are = "are" if len(secure) > 1 else "is"
        yield Note(
            f"{' and '.join(secure)} {are} on in {name}",
            f"over plain HTTP nobody stays logged in; over HTTPS they do: {key}",
        )


def _proxies(settings: Names, name: str) -> Iterator[Note]:
    """What is believed of a proxy in front: the edge is one, and says what it knows itself."""
    header = _secure_header(settings.get("SECURE_PROXY_SSL_HEADER"))
    if header == TOLD:
        yield Note(
            f"SECURE_PROXY_SSL_HEADER reads {_written(TOLD)} in {name}",
            "right with HTTPS at Tenfold's edge, which sets it; with HTTPS at a proxy before the"
            " edge Django sees http: CSRF_TRUSTED_ORIGINS then has to name https://...",
        )
    elif header in TAKEN_AWAY:
        yield Note(
            f"SECURE_PROXY_SSL_HEADER reads {_written(header)} in {name}",
            f"the edge takes that away; leave it out, or read {_written(TOLD)}",
        )
    elif header is not None:
        yield Note(
            f"SECURE_PROXY_SSL_HEADER reads {_written(header)} in {name}",
            "the edge hands that on as any visitor sends it, who can so pretend to be on HTTPS:"
            f" leave it out, or read {_written(TOLD)}",
        )
    for setting, what in (("USE_X_FORWARDED_HOST", "Host"), ("USE_X_FORWARDED_PORT", "Port")):
        if settings.get(setting) is True:
            yield Note(
                f"{setting} is on in {name}",
                f"the edge takes X-Forwarded-{what} away, and Host is as the visitor sent it:"
                " leave it out",
            )


def _secure_header(value: Any) -> str | None:
    is_pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    return value[0] if is_pair else None


def _written(header: str) -> str:
    """``HTTP_X_FORWARDED_PROTO`` as it is on the wire."""
    return header.removeprefix("HTTP_").replace("_", "-").title()
