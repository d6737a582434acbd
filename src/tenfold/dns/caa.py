"""Who may issue a certificate (CAA, RFC 8659), and whether that keeps ours away. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from tenfold.dns.model import Line, Record, Seen
from tenfold.spec.edge import EdgeTable

LETS_ENCRYPT: Final = "letsencrypt.org"
"""How Let's Encrypt is called there: https://letsencrypt.org/docs/caa/"""
_METHOD: Final = "http-01"
_TAGS: Final = frozenset({"issue", "issuewild", "iodef", "issuemail", "issuevmc", "contactemail",
                          "contactphone"})  # fmt: skip
_CRITICAL: Final = 128


def issuer(edge: EdgeTable) -> str:
    """What the authority of a site calls itself in CAA records; empty where none is asked, or it
    is not known."""
    if edge.tls.mode != "auto":
        return ""
    host = urlsplit(edge.acme).hostname or ""
    known = host == LETS_ENCRYPT or host.endswith(f".{LETS_ENCRYPT}")
    return LETS_ENCRYPT if known else ""


def lines(edge: EdgeTable, seen: Sequence[Seen]) -> tuple[Line, ...]:
    """What has to be allowed before a certificate can be had; nothing where it can."""
    wanted = issuer(edge)
    if not wanted:
        return ()
    found: dict[str, Line] = {}
    for one in seen:
        if one.caa and forbids(one.caa, wanted):
            at = one.caa[0].name
            allowed = ", ".join(dict.fromkeys(filter(None, map(_issuer, one.caa)))) or "nobody"
            why = f"the CAA records there allow {allowed}; without this there is no certificate"
            found[at] = Line("+", "CAA", at, f'0 issue "{wanted}"', why=why, pending=True)
    return tuple(found.values())


def forbids(records: Sequence[Record], wanted: str) -> bool:
    """Whether these records, all there are at one name, keep an authority away."""
    issue = [record for record in records if _tag(record) == "issue"]
    if any(_flags(record) & _CRITICAL and _tag(record) not in _TAGS for record in records):
        return True
    return bool(issue) and not any(_allows(record, wanted) for record in issue)


def _allows(record: Record, wanted: str) -> bool:
    name, *parameters = (part.strip() for part in _property(record).split(";"))
    if name.lower() != wanted:
        return False
    given = {key.strip(): value.strip() for key, _, value in (p.partition("=") for p in parameters)}
    methods = given.get("validationmethods")  # RFC 8657
    return methods is None or _METHOD in [method.strip() for method in methods.split(",")]


def _issuer(record: Record) -> str:
    return _property(record).partition(";")[0].strip() if _tag(record) == "issue" else ""


def _parts(record: Record) -> tuple[str, str, str]:
    """Flags, tag and value of ``0 issue "letsencrypt.org"``."""
    flags, _, rest = record.value.partition(" ")
    tag, _, value = rest.partition(" ")
    return flags, tag.lower(), value.strip('"')


def _flags(record: Record) -> int:
    flags = _parts(record)[0]
    return int(flags) if flags.isdecimal() else 0


def _tag(record: Record) -> str:
    return _parts(record)[1]


def _property(record: Record) -> str:
    return _parts(record)[2]
