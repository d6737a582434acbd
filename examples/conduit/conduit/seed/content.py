"""What the demonstration consists of: people, articles, and what they think of each other's.

Everything is chosen by a generator with a fixed seed: the same content on every machine, apart
from the dates, which lead up to the day that is given.
"""

from __future__ import annotations

import random
import tomllib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from conduit.text import slugify

HERE = Path(__file__).parent
SPAN = timedelta(days=290)
FOLLOWED = (3, 7)
LIKED_BY = (0, 10)
REMARKS = (0, 5)


@dataclass(frozen=True)
class Person:
    """Somebody of the demonstration."""

    username: str
    bio: str

    @property
    def email(self) -> str:
        """Their address, in a domain that is reserved for examples."""
        return f"{self.username}@conduit.example"


@dataclass(frozen=True)
class Remark:
    """A comment: who, what, when."""

    author: str
    body: str
    at: datetime


@dataclass
class Piece:
    """An article with what readers did to it."""

    title: str
    summary: str
    author: str
    tags: list[str]
    body: str
    at: datetime
    liked_by: list[str] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """Its address."""
        return slugify(self.title)


def people() -> list[Person]:
    """Everybody."""
    table = tomllib.loads((HERE / "people.toml").read_text(encoding="utf-8"))
    return [Person(username, about["bio"]) for username, about in table.items()]


def follows() -> list[tuple[str, str]]:
    """Who follows whom."""
    chance = random.Random("follows")
    names = [person.username for person in people()]
    pairs = []
    for name in names:
        others = [other for other in names if other != name]
        chosen = chance.sample(others, chance.randint(*FOLLOWED))
        pairs += [(name, other) for other in chosen]
    return pairs


def pieces(until: datetime) -> list[Piece]:
    """Every article, oldest first; the last one is some hours older than ``until``."""
    files = sorted((HERE / "articles").glob("*.md"))
    chance = random.Random("articles")
    chance.shuffle(files)
    step = SPAN / (len(files) - 1)
    readers = [person.username for person in people()]
    written = []
    for place, file in enumerate(files):
        moment = until - SPAN + step * place - timedelta(minutes=chance.randint(150, 60 * 50))
        piece = _read(file.read_text(encoding="utf-8"), moment)
        _received(piece, readers, until, chance)
        written.append(piece)
    return sorted(written, key=lambda piece: piece.at)


def _read(text: str, at: datetime) -> Piece:
    head, _, body = text.partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    tags = [tag.strip() for tag in fields["tags"].split(",")]
    return Piece(fields["title"], fields["summary"], fields["author"], tags, body, at)


def _received(piece: Piece, readers: list[str], until: datetime, chance: random.Random) -> None:
    others = [reader for reader in readers if reader != piece.author]
    piece.liked_by = chance.sample(others, chance.randint(*LIKED_BY))
    remarks = chance.sample(_lines("remarks.txt"), chance.randint(*REMARKS))
    moment = piece.at
    for body in remarks:
        moment += timedelta(minutes=chance.randint(20, 2200))
        piece.remarks.append(Remark(chance.choice(others), body, moment))
    if remarks and chance.random() < 0.5:
        moment += timedelta(minutes=chance.randint(20, 600))
        reply = chance.choice(_lines("replies.txt"))
        piece.remarks.append(Remark(piece.author, reply, moment))
    piece.remarks = [remark for remark in piece.remarks if remark.at < until]


def _lines(name: str) -> list[str]:
    return (HERE / name).read_text(encoding="utf-8").splitlines()
