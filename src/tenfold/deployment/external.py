"""The user's own database: asked before anything is touched, and never exchanged silently."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenfold.deployment import applied as applied_facts
from tenfold.deployment import shelf
from tenfold.deployment.given import remembered
from tenfold.engines.postgresql import external
from tenfold.engines.redis import external as own_redis
from tenfold.errors import Refused
from tenfold.observe.report.figures import size
from tenfold.release.storage import measure
from tenfold.spec import read
from tenfold.stages.path import WITHOUT_APP

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.intent import Intent
    from tenfold.engines.postgresql.external import Address, Facts
    from tenfold.secret import Secret
    from tenfold.state.layout import Layout

FACT = "database"
"""Fact: where the data is, ``own`` or ``host:port/database``."""
OWN = "own"
TERMS = (
    "Tenfold gives its URL to the app and runs migrations there. It does not back it up, move it or"
    " fence it, and promises nothing of its failovers"
)
REDIS_TERMS = (
    "Tenfold gives its URL to the app and its workers. It does not back it up, watch it or move it,"
    " and promises nothing of what is in it"
)
_MANY = 1_000_000


def was(facts: Mapping[str, Any]) -> str | None:
    """Where the data was when a plan was last carried out; ``None`` before the first."""
    known: str | None = facts.get(FACT)
    return known or (OWN if facts.get(applied_facts.FACT) else None)


def wanted(intent: Intent) -> str:
    """Where the intent's data is."""
    return external.parse(intent.database_url).place if intent.database_url else OWN


def require_own(deployment: Deployment, doing: str) -> None:
    """See that Tenfold runs the database.

    Raises:
        Refused: it is the user's own, which is not moved.
    """
    place = was(deployment.facts())
    if place not in (None, OWN):
        raise Refused(
            f"{doing} moves the database, and {place} is your own, which Tenfold does not move",
            next="stay at stage 10: a database on a host of its own is all that stage 100 brings",
        )


def require_same(deployment: Deployment, intent: Intent) -> None:
    """See that the release to come uses the data of the one that serves.

    Raises:
        Refused: it does not; says how the change is made.
    """
    before, after = was(deployment.facts()), wanted(intent)
    if before is None or before == after or intent.position in WITHOUT_APP:
        return
    raise Refused(
        f"the app would change from {_named(before)} to {_named(after)} while people use it",
        detail="Neither has the data of the other, and what is written meanwhile would be in one.",
        changed="nothing for your users",
        next="tenfold down, move the data (docs/howto/use-your-own-database.md), tenfold up -d",
    )


def looked_at(deployment: Deployment, intent: Intent) -> Intent:
    """The intent, with what a person should know of its database among its notes.

    Raises:
        Refused: it is the user's own and an app cannot live on it.
    """
    if intent.position in WITHOUT_APP:
        return intent
    told = [*_changed(was(deployment.facts()), wanted(intent))]
    if intent.database_url is not None:
        address = external.parse(intent.database_url)
        facts = external.look(address)
        migrates = intent.goal.migrate is not None
        for problem in external.problems(address, facts, migrates=migrates):
            raise problem
        told += [f"database: {described(address, facts)}", TERMS, *external.notes(address, facts)]
        told += _remains(deployment.layout)
    told += _of_redis(intent.redis_url)
    return replace(intent, notes=(*intent.notes, *told))


def _of_redis(url: Secret | None) -> Iterator[str]:
    """What is known of the user's own Redis. One that is away stops nothing: it may be a cache.

    Raises:
        Refused: its URL is none.
    """
    if url is None:
        return
    address = own_redis.parse(url)
    try:
        facts = own_redis.look(address)
    except Refused as refused:
        yield f"redis: {refused.what} ({refused.detail})"
    else:
        yield f"redis: yours, {facts.version} at {address.place}"
        yield from own_redis.notes(address, facts)
    yield REDIS_TERMS


def described(address: Address, facts: Facts) -> str:
    """``yours, PostgreSQL 17.5 at db.example:5432/shop as app, TLS (verify-full)``."""
    how = external.encrypted_words(address, facts)
    return f"yours, PostgreSQL {facts.version} at {address.place} as {address.user}, {how}"


@dataclass(frozen=True, slots=True)
class Seen:
    """How the user's own database is at this moment; ``why`` it does not answer."""

    place: str
    user: str
    version: str | None = None
    why: str | None = None
    sentence: str = ""

    def to_json(self) -> dict[str, Any]:
        """For ``status``; nothing in it is secret."""
        return {
            "kind": "external",
            "place": self.place,
            "user": self.user,
            "answers": self.why is None,
            "version": self.version,
            "why": self.why,
        }


def seen(deployment: Deployment) -> Seen | None:
    """Ask the user's own database of the release that serves; ``None`` where it is Tenfold's."""
    layout, release = deployment.layout, deployment.observe(silent=True).release
    if was(deployment.facts()) in (None, OWN) or release is None:
        return None
    url = read.database_url(shelf.spec_of(layout, release), {**os.environ, **remembered(layout)})
    if url is None:
        return None
    address = external.parse(url)
    known = Seen(address.place, address.user)
    try:
        facts = external.look(address)
    except Refused as refused:
        why = " ".join((refused.detail or "").split())
        return replace(known, why=f"{refused.what}: {why}")
    return replace(known, version=facts.version, sentence=described(address, facts))


def _changed(before: str | None, after: str) -> Iterator[str]:
    if before is not None and before != after:
        yield f"the app changes from {_named(before)} to {_named(after)}; no data is copied"


def _named(place: str) -> str:
    return "the database that Tenfold runs" if place == OWN else f"your database {place}"


def _remains(layout: Layout) -> Iterator[str]:
    """Data directories of databases that Tenfold ran before."""
    for cluster in sorted(layout.state.glob("hosts/*/data/postgres/cluster")):
        data = cluster.parent
        much = size(measure(data.parent, data.name, limit=_MANY).bytes)
        yield (
            f"the database that Tenfold ran before remains in {data} ({much}); this release does"
            " not use it"
        )
