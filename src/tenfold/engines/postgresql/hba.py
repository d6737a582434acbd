"""``pg_hba.conf``: who may come from where. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from tenfold.topology.settings import DatabaseSettings, PatroniSettings

LOOPBACK = "127.0.0.0/8"
MAINTENANCE = "postgres"
"""The database that is always there."""


def networks(endpoints: Iterable[str]) -> tuple[str, ...]:
    """The addresses of ``address:port`` endpoints as networks of one host each.

    IPv4's loopback becomes 127.0.0.0/8: whoever connects to 127.0.0.5 comes from 127.0.0.1.

    Raises:
        ValueError: an endpoint that is not an address and a port.
    """
    found: set[str] = set()
    for endpoint in endpoints:
        address = ip_address(endpoint.rpartition(":")[0].strip("[]"))
        whole = address.version == 4 and address.is_loopback
        found.add(LOOPBACK if whole else str(ip_network(address)))
    return tuple(sorted(found))


def pg_hba_conf(settings: DatabaseSettings, clients: Iterable[str]) -> str:
    """The file: SCRAM for the roles that are known, each for its purpose; nobody else."""
    database, superuser = _name(settings.database), _name(settings.superuser)
    users = f"{_name(settings.owner_role)},{_name(settings.app_role)}"
    replication = _name(settings.replication_role)
    monitor = settings.monitor_role
    rows = [
        ("local", "all", superuser, "", "scram-sha-256"),
        ("local", database, users, "", "scram-sha-256"),
        ("local", "replication", replication, "", "scram-sha-256"),
    ]
    if monitor:
        rows.append(("local", MAINTENANCE, _name(monitor), "", "scram-sha-256"))
    rewind = settings.rewind_role if isinstance(settings, PatroniSettings) else None
    for network in clients:
        rows.append(("host", database, users, network, "scram-sha-256"))
        rows.append(("host", "replication", replication, network, "scram-sha-256"))
        if rewind:
            rows.append(("host", MAINTENANCE, _name(rewind), network, "scram-sha-256"))
        if monitor:
            rows.append(("host", MAINTENANCE, _name(monitor), network, "scram-sha-256"))
    rows.append(("local", "all", "all", "", "reject"))
    rows.append(("host", "all", "all", "all", "reject"))
    head = _HEAD.replace("#\n", _WATCHED, 1) if monitor else _HEAD
    return head + "".join(_row(*row) for row in rows)


def _row(kind: str, database: str, user: str, address: str, method: str) -> str:
    return f"{kind:<6} {database:<20} {user:<32} {address:<18} {method}".rstrip() + "\n"


def _name(name: str) -> str:
    # In double quotes a name is only a name, even if it is "all" or "replication".
    return '"' + name.replace('"', '""') + '"'


_HEAD = """\
# Who may connect, from where, and how they prove it; the first line that fits decides.
# Everybody has a password (SCRAM). The superuser comes through the unix socket only, the roles of
# the app to its database only, the replication role for replication only.
#
# kind database           user                             address            method
"""

_WATCHED = """\
# The role that watches reads the statistics, which are in the database "postgres".
#
"""
