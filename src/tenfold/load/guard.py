"""Whom the load may reach: this machine, unless somebody says otherwise on purpose."""

from __future__ import annotations

import ipaddress
import resource
from urllib.parse import SplitResult, urlsplit

from tenfold.errors import Refused, UsageError

_DESCRIPTORS_BESIDES = 64


def checked_base_url(base_url: str, *, allow_remote: bool) -> str:
    """`base_url` without a trailing slash.

    Raises:
        UsageError: no http or https URL, or one with a query or a password in it.
        Refused: its host is not this machine, and `allow_remote` is false.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _has_valid_port(parts):
        raise UsageError(f"{base_url!r} is not a URL", next="write it as http://127.0.0.1:8000")
    if parts.query or parts.fragment or parts.username is not None:
        raise UsageError(
            "the URL has a query or a user in it",
            next="give scheme, host and port alone; requests and their headers come from [load]",
        )
    if not allow_remote and not _is_loopback(parts.hostname):
        raise Refused(
            f"{parts.hostname} is not this machine, and load on somebody else's site is an attack",
            next="if the site is yours, allow it explicitly: --allow-remote",
        )
    return base_url.rstrip("/")


def _has_valid_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True  # RFC 6761, section 6.3
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_room_for(connections: int) -> None:
    """Raise the soft limit of open files to what `connections` need.

    Raises:
        Refused: the hard limit does not allow it.
    """
    wanted = connections + _DESCRIPTORS_BESIDES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise Refused(
            f"{connections} requests in flight need {wanted} open files, and the limit is {hard}",
            next=f"max_in_flight = {max(1, hard - _DESCRIPTORS_BESIDES)}, or raise ulimit -n",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
