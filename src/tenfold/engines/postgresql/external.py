"""A PostgreSQL that is the user's own: what its URL says, and whether an app can live on it.

Nothing of it is changed. No text that is made here has the URL or its password, and libpq is never
shown what it cannot parse, because its complaints quote what they are about.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import Conninfo

from tenfold.engines.local import is_local
from tenfold.engines.postgresql.login import Connection
from tenfold.errors import Refused
from tenfold.secret import Secret

OLDEST_MAJOR: Final = 12
"""Older ones are refused."""
MAINTAINED_MAJOR: Final = 15
"""Older ones get no more fixes from the PostgreSQL project: https://www.postgresql.org/support/versioning/"""
CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10.0
ENCRYPTED: Final = ("require", "verify-ca", "verify-full")
_SECRET: Final = frozenset({"password", "sslpassword", "passfile"})
URL: Final = "[database] url"
_NEXT: Final = "correct the variable that [database] url takes, then give the command again"

# psycopg has no SQLSTATE of a session that was never made; servers may speak another language.
_WHY: Final = (
    ("authentication failed", "does not let {} in"),
    ("no pg_hba.conf entry", "does not let {} in"),
    ("no password supplied", "does not let {} in"),
    ("does not exist", "has no database of this name"),
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is and as whom, without secrets but in ``password``.

    ``host`` may be several, with commas, or the directory of a socket; ``options`` are libpq's.
    """

    host: str
    port: str
    database: str
    user: str
    password: Secret | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``host:port/database``: what tells one set of data from another."""
        ports = self.port.split(",")
        hosts = [h for h in self.host.split(",") if h] or ["socket"]
        each = ports * len(hosts) if len(ports) == 1 else ports
        where = ",".join(f"{h}:{p or '5432'}" for h, p in zip(hosts, each, strict=False))
        return f"{where}/{self.database}"

    @property
    def local(self) -> bool:
        """Whether nothing of the connection leaves this machine."""
        return all(is_local(host) for host in self.host.split(","))

    @property
    def sslmode(self) -> str | None:
        """As the URL says it."""
        return self.options.get("sslmode")

    @property
    def caution(self) -> Mapping[str, str]:
        """Options for libpq: where the URL says nothing, no password leaves unencrypted."""
        return {} if self.sslmode or self.local else {"sslmode": "require"}

    def conninfo(self, **more: str) -> str:
        """libpq's connection string, without the password."""
        named = {"host": self.host, "port": self.port, "dbname": self.database, "user": self.user}
        options = {k: v for k, v in self.options.items() if k not in _SECRET}
        return make_conninfo(**{k: v for k, v in {**named, **options, **more}.items() if v})


def parse(url: Secret, *, named: str = URL, advice: str = _NEXT) -> Address:
    """What the URL says; options that libpq does not know are the app's driver's, and left out.

    Args:
        url: of PostgreSQL's form, whatever the driver.
        named: what it is called where it is wrong.
        advice: what to do then.

    Raises:
        Refused: it is not one of PostgreSQL, or names no database or no user.
    """
    malformed = partial(_malformed, named, advice)
    try:
        parts = urlsplit(url.reveal())
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise malformed(
            "it is not a URL; @ : / # of a password are written %40 %3A %2F %23"
        ) from None
    scheme = parts.scheme.partition("+")[0]
    if scheme not in ("postgresql", "postgres"):
        raise malformed(
            "it does not begin with postgresql://" if scheme else "it is empty, or not a URL"
        )
    credentials, _, location = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    hosts, ports = _hosts(location)
    options = {k: v for k, v in query.items() if k in _known() and k not in ("host", "port")}
    found = Address(
        host=query.get("host", hosts),
        port=query.get("port", ports),
        database=unquote(parts.path.removeprefix("/")) or options.pop("dbname", ""),
        user=unquote(user) or options.pop("user", ""),
        password=Secret(unquote(password) or query.get("password", "")),
        options={k: v for k, v in options.items() if k not in ("dbname", "user")},
    )
    if not found.database or not found.user:
        lacking = "a database" if not found.database else "a user"
        raise malformed(
            f"it does not name {lacking}: postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        )
    if not all(p == "" or p.isdecimal() for p in found.port.split(",")):
        raise malformed("its port is no number; @ : / # of a password are written %40 %3A %2F %23")
    return found


def _hosts(location: str) -> tuple[str, str]:
    """``a:1,b:2`` as libpq wants it: ``a,b`` and ``1,2``; IPv6 stands in brackets."""
    hosts: list[str] = []
    ports: list[str] = []
    for one in location.split(","):
        if one.startswith("["):
            host, _, port = one[1:].partition("]")
            port = port.removeprefix(":")
        else:
            host, _, port = one.partition(":")
        hosts.append(unquote(host))
        ports.append(port)
    return ",".join(hosts), ",".join(ports) if any(ports) else ""


def _known() -> frozenset[str]:
    """The options of this libpq."""
    return frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


def _malformed(named: str, advice: str, why: str) -> Refused:
    return Refused(f"{named} cannot be used: {why}", next=advice)


@dataclass(frozen=True, slots=True)
class Facts:
    """What such a database is, as seen through its own login."""

    version: str
    major: int
    encrypted: bool
    writable: bool
    creates: bool
    superuser: bool


def look(address: Address) -> Facts:
    """Ask it.

    Raises:
        Refused: it cannot be reached, or does not let this user in; the text has no secret.
    """
    try:
        with connected(address) as connection, connection.within(ANSWER_SECONDS):
            row = connection.execute(
                "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',"
                " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),"
                " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            ).fetchone()
            assert row is not None
            number = connection.info.server_version
            return Facts(
                version=f"{number // 10000}.{number % 10000}",
                major=number // 10000,
                encrypted=connection.pgconn.ssl_in_use,
                writable=not row[0],
                creates=bool(row[1]),
                superuser=bool(row[2]),
            )
    except psycopg.Error as error:
        raise unreachable(address, error) from None


def connected(address: Address) -> Connection:
    """A session in autocommit mode; where the URL does not say, no password leaves unencrypted.

    Raises:
        psycopg.Error: there is none; :func:`unreachable` says why.
    """
    return Connection.connect(
        address.conninfo(**address.caution),
        password=(address.password or Secret("")).reveal() or None,
        connect_timeout=CONNECT_SECONDS,
        application_name="tenfold",
        autocommit=True,
    )


def unreachable(
    address: Address, error: psycopg.Error, *, named: str = "your database", advice: str = _NEXT
) -> Refused:
    """Why there is no session, in words and without secrets; the other two as in :func:`parse`."""
    said = masked(str(error).strip(), address)
    if "server does not support SSL" in said and not address.sslmode:
        return Refused(
            f"{named} {address.place} has no TLS, and is not on this machine:"
            " passwords and data would travel unencrypted",
            next="switch TLS on there; or, where the network between is your own, say so in the"
            " URL: ?sslmode=disable",
        )
    what = next((told for words, told in _WHY if words in said), "cannot be reached")
    return Refused(f"{named} {address.place} {what.format(address.user)}", detail=said, next=advice)


def masked(text: str, address: Address) -> str:
    """The text without the password."""
    return address.password.masked_in(text) if address.password else text


def problems(address: Address, facts: Facts, *, migrates: bool) -> Iterator[Refused]:
    """What keeps an app from living on it; ``migrates``: [release] migrate is to run there."""
    if facts.major < OLDEST_MAJOR:
        yield Refused(
            f"your database {address.place} is PostgreSQL {facts.version};"
            f" the oldest that Tenfold runs an app on is {OLDEST_MAJOR}",
            next="upgrade it",
        )
    if not facts.writable:
        yield Refused(
            f"your database {address.place} takes no writes: it follows another server, or"
            f" {address.user} is read-only there",
            next="name the server that leads; with several hosts: ?target_session_attrs=read-write",
        )
    elif migrates and not facts.creates:
        yield Refused(
            f"{address.user} may not create tables in {address.place}, and [release] migrate runs"
            " as this user",
            next=f"there, as the owner:  grant create on schema public to {address.user};",
        )


def notes(address: Address, facts: Facts) -> Iterator[str]:
    """What a person should know of it."""
    if facts.major < MAINTAINED_MAJOR:
        yield f"PostgreSQL {facts.major} gets no more fixes: plan its upgrade"
    if not address.local and not facts.encrypted:
        yield "the connection is not encrypted (sslmode): passwords and data can be read on the way"
    elif not address.local and address.sslmode != "verify-full":
        yield "TLS does not check who answers; ?sslmode=verify-full does"
    if facts.superuser:
        yield f"{address.user} is a superuser there, which no app needs to be"


def driverless(url: Secret) -> Secret:
    """The URL for libpq: without the driver of SQLAlchemy's, and what only that understands."""
    address = parse(url)
    password = address.password.reveal() if address.password else ""
    return Secret(make_conninfo(address.conninfo(), **({"password": password} if password else {})))


def encrypted_words(address: Address, facts: Facts) -> str:
    """How the connection is protected, in a word or two."""
    if address.local:
        return "on this machine"
    return f"TLS ({address.sslmode or 'not insisted on'})" if facts.encrypted else "not encrypted"


def psql(
    address: Address, program: str, arguments: tuple[str, ...] = ()
) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """Arguments and environment of ``psql``, which takes the password from an open file.

    The file is in memory, inherited and gone with psql: no argument, variable or disk has the
    password.
    """
    environment = {**password_file(address)[1], "PGAPPNAME": "tenfold psql"}
    return (program, "-d", address.conninfo(), *arguments), environment


def password_file(address: Address) -> tuple[int, Mapping[str, str]]:
    """An open file that libpq takes the password from, and the variable that says so."""
    passwords = os.memfd_create("tenfold-pgpass", 0)
    os.fchmod(passwords, 0o600)
    if address.password is not None and address.password.reveal():
        escaped = address.password.reveal().replace("\\", "\\\\").replace(":", "\\:")
        os.write(passwords, f"*:*:*:*:{escaped}\n".encode())
    return passwords, {"PGPASSFILE": f"/proc/self/fd/{passwords}"}
