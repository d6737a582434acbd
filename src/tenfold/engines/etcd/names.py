"""What the certificates of etcd and Patroni are called among a deployment's secrets."""

from __future__ import annotations

AUTHORITY, AUTHORITY_KEY = "failover.authority", "failover.authority_key"


def host_secret(host: str) -> str:
    """The name of a host's certificate and key."""
    return f"failover.host.{host}"
