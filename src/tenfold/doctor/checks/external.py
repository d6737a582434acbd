"""A database of the user's own: whether it answers, who listens in, and what nobody here does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import ExternalFacts
from tenfold.doctor.model import Seen, check
from tenfold.engines.postgresql.external import MAINTAINED_MAJOR

_NOT_PROMISED: Final = (
    "it is not backed up by Tenfold",
    "it is not moved: stage 100, which gives a database its own host, is refused",
    "its failovers are its own: whether what was acknowledged survives one, its settings say",
    "migrations and app have one user, so that the app may do what migrations may",
)


@check("external.silent", "your database does not answer", bites="now")
def silent(facts: ExternalFacts) -> Iterator[Seen]:
    """Looked for: a database that cannot be reached from here, does not let the app's user in, or
    is not there. The URL is the one that `[database] url` takes, from this shell or as it is
    remembered; a deploy would refuse it too."""
    if facts.silent is not None:
        what, detail = facts.silent
        fix = "correct the variable that [database] url takes; tenfold deploy brings it to the app"
        yield Seen(what, tuple(filter(None, (detail,))), fix)


@check("external.unfit", "an app cannot live on your database", bites="now")
def unfit(facts: ExternalFacts) -> Iterator[Seen]:
    """Looked for: what `up` and `deploy` refuse it for: a PostgreSQL that is too old, one that
    follows another or takes no writes, and a user who may not create tables where migrations
    run."""
    for what, fix in facts.problems:
        yield Seen(what, (facts.address.place,), fix)


@check(
    "external.connection",
    "others can read along",
    bites="now; advice in a private network, or where the URL says so",
)
def connection(facts: ExternalFacts) -> Iterator[Seen]:
    """Without TLS, passwords and data can be read on the way. With TLS whose certificate nobody
    checks, they can by whoever sits between and answers in the server's place.

    Looked for, on another machine: a session that is not encrypted, and a `sslmode` other than
    `verify-full`. A private address, and `sslmode=disable` in the URL, say that the network between
    is your own.
    """
    at, seen = facts.address, facts.seen
    if seen is None or at.local:
        return
    told = (f"{at.place}, sslmode {at.sslmode or 'not given'}",)
    if not seen.encrypted:
        private = facts.examined is not None and facts.examined.private
        bites = None if private or at.sslmode == "disable" else "10"
        fix = "TLS on that server, and ?sslmode=verify-full in the URL"
        yield Seen("the connection to your database is not encrypted", told, fix, bites)
    elif at.sslmode != "verify-full":
        fix = "?sslmode=verify-full in the URL, with sslrootcert=system or the server's own"
        yield Seen("nobody checks who answers as your database", told, fix, bites=None)


@check("external.superuser", "the app is a superuser", bites="advice")
def superuser(facts: ExternalFacts) -> Iterator[Seen]:
    """Whoever finds a hole in the app can then read every database of the server, and its files.
    Looked for: a user of the URL who is a superuser there."""
    if facts.seen is not None and facts.seen.superuser:
        user = facts.address.user
        fix = "create role app login password '...';  and it owns the database:\n"
        fix += f"alter database {facts.address.database} owner to app"
        yield Seen(
            "the app's user is a superuser", (f"{user} at {facts.address.place}",), fix, None
        )


@check("external.version", "your PostgreSQL gets no more fixes", bites="advice")
def version(facts: ExternalFacts) -> Iterator[Seen]:
    """The PostgreSQL project mends a major version for five years. Looked for: one that it no
    longer does (https://www.postgresql.org/support/versioning/)."""
    if facts.seen is not None and facts.seen.major < MAINTAINED_MAJOR:
        told = (f"PostgreSQL {facts.seen.version}; {MAINTAINED_MAJOR} is the oldest that is kept",)
        yield Seen("your PostgreSQL gets no more fixes", told, "plan its upgrade", bites=None)


@check("external.unsafe", "a crash of your database loses writes", bites="now")
def unsafe(facts: ExternalFacts) -> Iterator[Seen]:
    """The app is told that a write is kept before it is. Looked for: `fsync`, `full_page_writes` or
    `synchronous_commit` that are off for the app's user."""
    if facts.examined is not None and facts.examined.unsafe:
        fix = f"alter system reset {facts.examined.unsafe[0].partition(' ')[0]}"
        what = "a crash of your database loses what was acknowledged"
        yield Seen(what, facts.examined.unsafe, fix)


@check(
    "external.backups",
    "no backup of your database is to be seen",
    bites="now; advice if there is none",
)
def backups(facts: ExternalFacts) -> Iterator[Seen]:
    """Tenfold does not back up a database of yours, nor does it know who does. What can be seen
    from here is whether the server hands its log to an archive, which is what a restore to a point
    in time needs.

    Looked for: an archive that takes nothing any more, and `archive_mode = off`. Dumps, and
    snapshots of the disk below, cannot be seen from here.
    """
    if facts.examined is None:
        return
    if facts.examined.failing is not None:
        told = (f"last failed {facts.examined.failing}",)
        fix = "select * from pg_stat_archiver      in tenfold psql says which file; its log, why"
        yield Seen("the archive of your database takes no log", told, fix)
    elif not facts.examined.archives:
        fix = "see that somebody dumps it, or archives its log, and that a restore was tried"
        told = ("archive_mode = off; dumps and snapshots cannot be seen from here",)
        yield Seen("no backup of your database is to be seen", told, fix, bites=None)


@check("external.promises", "what is not promised of a database of your own", bites="advice")
def promises(facts: ExternalFacts) -> Iterator[Seen]:
    """Tenfold gives the URL to the app and runs migrations there. The rest is with whoever runs it.
    Looked for: `[database] url`."""
    fix = "keep it; or leave [database] url out, and Tenfold runs one"
    yield Seen("your database is yours to keep", _NOT_PROMISED, fix, bites=None)


CHECKS: Final = (
    silent, unfit, connection, superuser, version, unsafe, backups, promises,
)  # fmt: skip
