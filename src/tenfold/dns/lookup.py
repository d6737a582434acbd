"""Ask resolvers, each by itself: what they say of a name, within seconds, whatever they send."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver
from dns.rdatatype import AAAA, CAA, SOA, A

from tenfold.dns.goals import Known
from tenfold.dns.model import Kind, Record, Seen
from tenfold.errors import Refused, UsageError

PORT: Final = 53
TRY_SECONDS: Final = 2.0
TRIES: Final = 2
MOST_RECORDS: Final = 100
MOST_LABELS: Final = 10
"""So many names upwards are asked for CAA records."""
_AT_ONCE: Final = 8
_TOLD: Final = frozenset({dns.rcode.NOERROR, dns.rcode.NXDOMAIN})


@dataclass(frozen=True, slots=True)
class Server:
    """A resolver: its address, without brackets, and port."""

    address: str
    port: int = PORT

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        plain = self.port == PORT
        return self.address if plain else f"{host}:{self.port}"


class _Unknown(Exception):
    """A resolver did not say; the text is what it did, as in "192.0.2.1 did not answer"."""


def parsed(text: str) -> Server:
    """``ADDRESS``, ``ADDRESS:PORT`` or ``[ADDRESS]:PORT``.

    Raises:
        UsageError: it is none of these.
    """
    host, port = text, str(PORT)
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    try:
        number = int(port) if port.isascii() and port.isdecimal() else 0
        if not 0 < number < 65536:
            raise ValueError(port)
        return Server(str(ip_address(host)), number)
    except ValueError:
        raise UsageError(
            f"{text!r} is no resolver", next="--server ADDRESS or --server ADDRESS:PORT"
        ) from None


def system() -> tuple[Server, ...]:
    """The resolvers of this system.

    Raises:
        Refused: there is none.
    """
    try:
        found = dns.resolver.Resolver(configure=True)
        servers = [Server(str(ip_address(one)), found.port) for one in map(str, found.nameservers)]
    except (dns.exception.DNSException, ValueError, OSError) as error:
        raise _none(str(error)) from error
    if not servers:
        raise _none("the system names none")
    return tuple(dict.fromkeys(servers))


def _none(why: str) -> Refused:
    return Refused(f"there is no resolver to ask: {why}", next="tenfold dns --server ADDRESS")


def look(names: Sequence[str], servers: Sequence[Server], *, caa: bool = False) -> tuple[Seen, ...]:
    """What each resolver says of each name, within :data:`TRY_SECONDS` for each question.

    Args:
        names: in ASCII, without a dot at the end.
        servers: all of them are asked.
        caa: whether it matters who may issue certificates.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        asked = [pool.submit(_seen, name, server, caa) for name in names for server in servers]
        return tuple(one.result() for one in asked)


def addresses(hosts: Collection[str], servers: Sequence[Server]) -> Known:
    """Where hosts lead, as any of the resolvers says; hosts of which nobody knows are left out."""
    found: dict[str, set[str]] = {}
    for one in look(tuple(hosts), servers):
        found.setdefault(one.name, set()).update(one.addresses)
    return {host: sorted(there) for host, there in found.items() if there}


def _seen(name: str, server: Server, caa: bool) -> Seen:
    try:
        return _told(name, server, caa)
    except _Unknown as why:
        return Seen(str(server), name, problem=str(why))


def _told(name: str, server: Server, caa: bool) -> Seen:
    full = dns.name.from_text(name)
    answers = [(kind, _ask(full, kind, server)) for kind in (A, AAAA)]
    records: dict[tuple[Kind, str], Record] = {}
    leads: dict[str, None] = {}
    missing = 0
    for kind, answer in answers:
        chain = _chain(answer, server)
        if chain.answer is None:
            missing = max(missing, chain.minimum_ttl)
        for at, rrset in enumerate([*chain.cnames, *([chain.answer] if chain.answer else [])]):
            made = list(_records(rrset))
            if rrset.rdtype == kind:
                leads.update(dict.fromkeys(record.value for record in made))
            if at == 0:
                records.update({(record.kind, record.value): record for record in made})
    return Seen(
        str(server),
        name,
        records=tuple(records.values()),
        addresses=tuple(leads),
        caa=_issuers(full, server) if caa else (),
        zone=_zone(full, server),
        missing_seconds=None if leads else missing,
    )


def _ask(name: dns.name.Name, kind: dns.rdatatype.RdataType, server: Server) -> dns.message.Message:
    question = dns.message.make_query(name, kind, use_edns=0)
    why = ""
    for _ in range(TRIES):
        try:
            answer, _ = dns.query.udp_with_fallback(
                question,
                server.address,
                timeout=TRY_SECONDS,
                port=server.port,
                ignore_unexpected=True,
                ignore_errors=True,
            )
        except dns.exception.Timeout:
            why = f"did not answer within {TRIES * TRY_SECONDS:g} s"
            continue
        except (OSError, EOFError, ValueError, dns.exception.DNSException) as error:
            why = f"cannot be asked: {_words(error)}"
            continue
        if answer.rcode() not in _TOLD:
            raise _Unknown(f"answers {dns.rcode.to_text(answer.rcode())}")
        return answer
    raise _Unknown(why)


def _words(error: Exception) -> str:
    told = (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
    return told if told.isprintable() else ascii(told)


def _chain(answer: dns.message.Message, server: Server) -> dns.message.ChainingResult:
    assert isinstance(answer, dns.message.QueryMessage)
    try:
        return answer.resolve_chaining()
    except dns.message.ChainTooLong:
        raise _Unknown("gives CNAMEs that lead round in a circle") from None
    except dns.exception.DNSException as error:
        raise _Unknown(f"answers what makes no sense: {_words(error)}") from None


def _records(rrset: dns.rrset.RRset) -> Iterator[Record]:
    kinds: dict[int, Kind] = {A: "A", AAAA: "AAAA", dns.rdatatype.CNAME: "CNAME", CAA: "CAA"}
    kind = kinds[rrset.rdtype]
    name = _shown(rrset.name)
    for data in list(rrset)[:MOST_RECORDS]:
        if kind in ("A", "AAAA"):
            value = str(ip_address(data.to_text()))
        elif kind == "CNAME":
            value = _shown(data.target)
        else:
            value = data.to_text()
        yield Record(kind, name, value, rrset.ttl)


def _shown(name: dns.name.Name) -> str:
    """In lower case without a dot at the end; whatever is no letter of ASCII is escaped."""
    return name.to_text(omit_final_dot=True).lower()


def _zone(name: dns.name.Name, server: Server) -> str:
    """The zone that a name is in, by its SOA record; empty where that is not told."""
    answer = _ask(name, SOA, server)
    for rrset in (*answer.answer, *answer.authority):
        if rrset.rdtype == SOA and name.is_subdomain(rrset.name):
            return _shown(rrset.name)
    return ""


def _issuers(name: dns.name.Name, server: Server) -> tuple[Record, ...]:
    """The CAA records that count: those of the nearest name upwards that has any (RFC 8659, 3).

    Those behind a CNAME are left out: it is to go.
    """
    for _ in range(MOST_LABELS):
        if name == dns.name.root:
            break
        found = [r for r in _ask(name, CAA, server).answer if r.rdtype == CAA and r.name == name]
        if found:
            return tuple(_records(found[0]))
        name = name.parent()
    return ()
