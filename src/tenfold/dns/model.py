"""What resolvers say, what shall be, and what answers there: frozen values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["A", "AAAA", "CNAME", "ALIAS", "CAA"]
Mark = Literal["=", "+", "-", "?"]
RANK: Final[dict[Kind, int]] = {"CNAME": 0, "ALIAS": 1, "A": 2, "AAAA": 3, "CAA": 4}


@dataclass(frozen=True, slots=True)
class Record:
    """One record as a resolver gave it. ``value`` is printable ASCII without a dot at the end;
    ``ttl_seconds`` is for how much longer that resolver keeps it."""

    kind: Kind
    name: str
    value: str
    ttl_seconds: int


@dataclass(frozen=True, slots=True)
class Seen:
    """What one resolver says of one name.

    Args:
        server: which resolver, as people write it.
        name: of the site, in lower case without a dot at the end.
        records: at the name itself: addresses, or the CNAME that is there instead.
        addresses: where it leads in the end, through every CNAME.
        caa: who may issue certificates for it, wherever above it that stands.
        zone: the zone that the name is in; empty where nobody says, as behind a CNAME.
        missing_seconds: for how long resolvers remember that there is no address; ``None`` where
            there is one, or nobody said.
        problem: why nothing is known; empty where something is.
    """

    server: str
    name: str
    records: tuple[Record, ...] = ()
    addresses: tuple[str, ...] = ()
    caa: tuple[Record, ...] = ()
    zone: str = ""
    missing_seconds: int | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record that shall be. ``open`` where its value is not known and said in words;
    ``optional`` where the site works without it."""

    kind: Kind
    value: str
    optional: bool = False
    open: bool = False


@dataclass(frozen=True, slots=True)
class Goal:
    """What the records of one name have to become.

    Args:
        name: which name.
        records: how they are written.
        follows: names to which a CNAME may lead instead.
        accepts: addresses that are as good as those in ``records``.
        note: another way to write it, or what else to know of it.
    """

    name: str
    records: tuple[Wanted, ...]
    follows: frozenset[str] = frozenset()
    accepts: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One record and what becomes of it: ``=`` stays, ``+`` comes, ``-`` goes, ``?`` is for a
    person to say. ``pending`` where something is still to be done about it."""

    mark: Mark
    kind: Kind
    name: str
    value: str
    ttl_seconds: int | None = None
    whose: str = ""
    why: str = ""
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """What answered for a name at one address.

    ``here`` is ``None`` where it cannot be told, because no site of this folder runs here.
    ``status`` is that of the answer, 0 where there was none; ``problem`` says why.
    """

    name: str
    address: str
    url: str
    here: bool | None
    status: int = 0
    problem: str = ""
    trusted: bool | None = None

    @property
    def serves(self) -> bool:
        """Whether this site's edge answers there, by this name."""
        return self.here is True and self.status != MISDIRECTED


MISDIRECTED: Final = 421
"""What an edge of ours answers to a name that its site does not have."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Everything about it: record by record, in which order, and what keeps it from being over."""

    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    advice: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def pending(self) -> bool:
        """Whether a record has still to change, or could not be looked at."""
        return bool(self.problems) or any(line.pending for line in self.lines)


def of_name(seen: Sequence[Seen], name: str) -> tuple[Seen, ...]:
    """What those resolvers say of a name that could be asked."""
    return tuple(one for one in seen if one.name == name and not one.problem)
