"""What is there beside what shall be: one line for each record. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tenfold.dns.model import RANK, Goal, Kind, Line, Record, Seen, Wanted, of_name

MOST_LINES = 40
"""So many records of one name are told apart; a resolver may send thousands."""


@dataclass(frozen=True, slots=True)
class _Found:
    """One record, as several resolvers have it; ``only`` names them where others do not."""

    record: Record
    only: tuple[str, ...]


def lines(goal: Goal, seen: Sequence[Seen], whose: Callable[[str], str]) -> tuple[Line, ...]:
    """What becomes of every record of a name, and which ones come.

    Args:
        goal: of the name.
        seen: what resolvers say, also of other names; nothing where none was asked.
        whose: in words, whose an address or a name is.
    """
    found = _together(of_name(seen, goal.name))
    told = [_line(goal, one, whose) for one in found]
    kept = {(one.record.kind, one.record.value) for one in found}
    settled = any(line.mark == "=" and not _wanted(goal, line.kind, line.value) for line in told)
    for wanted in goal.records:
        if (wanted.kind, wanted.value) not in kept and not settled:
            told.append(_coming(goal, wanted))
    return tuple(sorted(told, key=lambda line: (line.mark == "+", RANK[line.kind])))


def _together(seen: Sequence[Seen]) -> list[_Found]:
    longest: dict[tuple[Kind, str], Record] = {}
    by: dict[tuple[Kind, str], list[str]] = {}
    for one in seen:
        for record in one.records[:MOST_LINES]:
            key = (record.kind, record.value)
            by.setdefault(key, []).append(one.server)
            before = longest.get(key)
            if before is None or record.ttl_seconds > before.ttl_seconds:
                longest[key] = record
    every = {one.server for one in seen}
    return [
        _Found(record, () if set(by[key]) == every else tuple(dict.fromkeys(by[key])))
        for key, record in longest.items()
    ]


def _line(goal: Goal, found: _Found, whose: Callable[[str], str]) -> Line:
    record = found.record
    owner = whose(record.value)
    at = f"so far only at {' and '.join(found.only)}" if found.only else ""

    def made(mark: str, why: str, *, pending: bool) -> Line:
        why = "; ".join(filter(None, (why, at)))
        return Line(
            mark,  # type: ignore[arg-type]
            record.kind, record.name, record.value, record.ttl_seconds, owner, why, pending,
        )  # fmt: skip

    if _wanted(goal, record.kind, record.value) or record.value in goal.accepts:
        return made("=", "", pending=bool(at))
    if record.kind == "CNAME" and record.value in goal.follows:
        return made("=", "it follows that name", pending=bool(at))
    if any(wanted.open for wanted in goal.records) and not owner:
        return made("?", "it stays if it is what is meant below", pending=True)
    return made("-", _why_it_goes(goal, record), pending=True)


def _why_it_goes(goal: Goal, record: Record) -> str:
    kinds = {wanted.kind for wanted in goal.records}
    if record.kind == "AAAA" and "AAAA" not in kinds:
        return "browsers prefer IPv6: they would go on being led there"
    if record.kind == "CNAME" and "CNAME" not in kinds:
        return "nothing else can stand beside a CNAME"
    return ""


def _coming(goal: Goal, wanted: Wanted) -> Line:
    why = "if you want IPv6" if wanted.optional else ""
    return Line("+", wanted.kind, goal.name, wanted.value, why=why, pending=not wanted.optional)


def _wanted(goal: Goal, kind: Kind, value: str) -> bool:
    return any((wanted.kind, wanted.value) == (kind, value) for wanted in goal.records)
