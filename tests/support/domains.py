"""Sites whose domain is switched, and what resolvers may say of them."""

from __future__ import annotations

from typing import Any

from tenfold.dns.hosts import GITHUB_V4, GITHUB_V6
from tenfold.dns.model import Kind, Record, Seen
from tenfold.spec.model import AppSpec

HERE, ALSO_HERE = "203.0.113.7", "2001:db8::7"
GITHUB = {"to": "github:Anna/bakery"}


def site(publish: dict[str, Any] | None = None, **edge: Any) -> AppSpec:
    """A site called ``shop.example``, unless that is said differently."""
    name = {} if "domains" in edge else {"domain": "shop.example"}
    tables: dict[str, Any] = {"edge": {**name, **edge}}
    if publish is not None:
        tables["publish"] = publish
    return AppSpec.model_validate({"name": "shop", "app": "shop:app", **tables})


def record(kind: Kind, value: str, ttl: int = 3600, name: str = "shop.example") -> Record:
    return Record(kind, name, value, ttl)


def seen(
    *records: Record, name: str = "shop.example", server: str = "192.0.2.53", **more: Any
) -> Seen:
    """What a resolver says; where it leads follows from its addresses."""
    addresses = tuple(one.value for one in records if one.kind in ("A", "AAAA"))
    return Seen(server, name, records, **{"addresses": addresses, "zone": "shop.example", **more})


def at_github() -> Seen:
    """A domain as GitHub documents it."""
    return seen(
        *(record("A", address) for address in GITHUB_V4),
        *(record("AAAA", address) for address in GITHUB_V6),
    )
