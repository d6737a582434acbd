"""Checks of places outside: buckets and their servers, and the secrets that open them."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from tenfold.spec import values

S3: Final = "s3://"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9._~/+=@-]*")
_REGION = re.compile(r"[a-z0-9-]{1,40}")


def bucket(text: str) -> str:
    """``s3://bucket``, with or without a path in it."""
    name, _, prefix = text.removeprefix(S3).partition("/")
    if not _BUCKET.fullmatch(name) or not _PREFIX.fullmatch(prefix) or ".." in prefix.split("/"):
        raise ValueError(f'"{text}" is no bucket; write for example "s3://my-backups/shop"')
    return f"{S3}{name}/{prefix.strip('/')}".rstrip("/")


def server_url(text: str) -> str:
    """The URL of a server; without TLS only on this machine."""
    try:
        parts = urlsplit(text)
        known = parts.hostname is not None and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known or parts.scheme not in ("https", "http") or parts.path.strip("/") or parts.query:
        raise ValueError(f'"{text}" is not the URL of a server, such as "https://s3.example.org"')
    if parts.username or parts.password:
        raise ValueError("has a password in it; that belongs into secret_key")
    if parts.scheme == "http" and not is_here(parts.hostname or ""):
        raise ValueError(f'"{text}" sends everything in the clear: use https://')
    return text.rstrip("/")


def is_here(host: str) -> bool:
    """Whether a host is this machine, to which nothing travels in the open."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def region_name(text: str) -> str:
    """The name of a region."""
    if not _REGION.fullmatch(text):
        raise ValueError(f'"{text}" is no region, such as "eu-central-1"')
    return text


def taken(variable: str) -> BeforeValidator:
    """A validator of secrets: they come from a variable, such as this one."""

    def check(value: Any) -> str:
        text = values.variable_value(value)
        if not values.references(text):
            raise ValueError(f'is a secret; write "${{{variable}}}", and set that variable')
        return text

    return BeforeValidator(check)
