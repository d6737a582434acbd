"""Whether a server is on this machine, or in a private network."""

from __future__ import annotations

from ipaddress import ip_address


def is_local(host: str) -> bool:
    """Whether nothing of a connection leaves this machine; no host, or a path, is a socket."""
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(address: str) -> bool:
    """Whether an IP address is one of a private network, or of this machine."""
    try:
        return ip_address(address.partition("%")[0]).is_private
    except ValueError:
        return False
