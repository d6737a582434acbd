"""How a journal lies in etcd: keys and their values. Pure.

::

    PREFIX/head                          whose turn it is, see .head
    PREFIX/facts/KEY                     JSON
    PREFIX/transitions/ID                JSON: a Row
    PREFIX/steps/ID/TOKEN/NUMBER         JSON of the steps, in pieces that etcd takes
    PREFIX/intended/ID/POSITION          when, in seconds since the epoch
    PREFIX/done/ID/POSITION              the same
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from tenfold.etcd.values import MOST_BYTES, MOST_OPERATIONS, Delete, KeyValue, Put, Range
from tenfold.transitions.journal.model import Contents, Entry, Outcome, Transition

PIECE_BYTES: Final = MOST_BYTES // 2
MOST_MESSAGE: Final = 100_000
RANGES: Final = 3
"""Of what belongs to one transition."""


@dataclass(frozen=True, slots=True)
class Row:
    """A transition without its steps, which are under ``token``."""

    kind: str
    epoch: int
    token: str
    began: float
    ended: float | None = None
    outcome: str | None = None
    message: str | None = None

    def encoded(self) -> bytes:
        """As it is stored."""
        return json.dumps(asdict(self)).encode()

    def ended_so(self, ended: float, outcome: Outcome, message: str | None) -> Row:
        """The same, closed."""
        told = None if message is None else message[:MOST_MESSAGE]
        return replace(self, ended=ended, outcome=outcome, message=told)


def row(data: bytes) -> Row:
    """Read what :meth:`Row.encoded` made."""
    return Row(**json.loads(data))


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys under one prefix, which begins with a slash and ends without."""

    prefix: str

    @property
    def head(self) -> str:
        """See :mod:`tenfold.transitions.journal.head`."""
        return f"{self.prefix}/head"

    @property
    def facts(self) -> str:
        """How all facts begin."""
        return f"{self.prefix}/facts/"

    @property
    def transitions(self) -> str:
        """How all transitions begin."""
        return f"{self.prefix}/transitions/"

    def fact(self, key: str) -> str:
        """Of one fact."""
        return self.facts + key

    def transition(self, id: int) -> str:
        """Of one transition."""
        return f"{self.transitions}{id:012d}"

    def intended(self, id: int, position: int) -> str:
        """When a step was intended."""
        return f"{self.prefix}/intended/{id:012d}/{position:06d}"

    def done(self, id: int, position: int) -> str:
        """When a step was done."""
        return f"{self.prefix}/done/{id:012d}/{position:06d}"

    def steps(self, id: int, token: str, pieces: Sequence[bytes]) -> list[Put]:
        """The steps of one transition, written."""
        begin = f"{self.prefix}/steps/{id:012d}/{token}/"
        return [Put(f"{begin}{number:06d}", piece) for number, piece in enumerate(pieces)]

    def everything(self) -> list[Delete]:
        """All but the head, removed."""
        names = ("facts", "transitions", "steps", "intended", "done")
        return [Delete(f"{self.prefix}/{name}/", prefix=True) for name in names]

    def forget(self, id: int) -> list[Delete]:
        """All of one transition, removed; nothing for one that cannot be."""
        if id < 1:
            return []
        names = ("steps", "intended", "done")
        rest = [Delete(f"{self.prefix}/{name}/{id:012d}/", prefix=True) for name in names]
        return [Delete(self.transition(id)), *rest]

    # Reading

    def details(self, found: KeyValue, revision: int) -> list[Range]:
        """What belongs to a transition, as it was then: steps, intended, done."""
        id, of = self._id(found), row(found.value)
        begins = (f"steps/{id:012d}/{of.token}/", f"intended/{id:012d}/", f"done/{id:012d}/")
        return [Range(f"{self.prefix}/{b}", prefix=True, revision=revision) for b in begins]

    def read(self, found: KeyValue, details: Sequence[Sequence[KeyValue]]) -> Transition:
        """A transition from its row and its details."""
        steps, intended, done = details
        of, ends = row(found.value), {_number(kv): float(kv.value) for kv in done}
        return Transition(
            id=self._id(found),
            kind=of.kind,
            steps=tuple(json.loads(b"".join(kv.value for kv in steps))),
            epoch=of.epoch,
            began=of.began,
            ended=of.ended,
            outcome=of.outcome,
            message=of.message,
            entries=tuple(
                Entry(_number(kv), float(kv.value), ends.get(_number(kv))) for kv in intended
            ),
        )

    def read_facts(self, found: Iterable[KeyValue]) -> Mapping[str, Any]:
        """All facts."""
        return {kv.key.removeprefix(self.facts): json.loads(kv.value) for kv in found}

    # Writing

    def write(self, contents: Contents) -> Iterator[Put]:
        """Everything of another journal."""
        for key, value in contents.facts.items():
            yield Put(self.fact(key), json.dumps(value).encode())
        for t in contents.transitions:
            token = f"{t.epoch:d}"
            of = Row(t.kind, t.epoch, token, t.began, t.ended, t.outcome, t.message)
            yield Put(self.transition(t.id), of.encoded())
            yield from self.steps(t.id, token, pieces(t.steps))
            for entry in t.entries:
                yield Put(self.intended(t.id, entry.position), moment(entry.intended))
                if entry.done is not None:
                    yield Put(self.done(t.id, entry.position), moment(entry.done))

    def _id(self, found: KeyValue) -> int:
        return int(found.key.removeprefix(self.transitions))


def moment(seconds: float) -> bytes:
    """A time, without loss."""
    return repr(seconds).encode()


def pieces(steps: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The steps as JSON, in pieces that fit into one request each."""
    data = json.dumps(steps).encode()
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


def batches(written: Iterable[Put]) -> Iterator[list[Put]]:
    """The same in groups, each of which etcd takes as one transaction."""
    group: list[Put] = []
    size = 0
    for put in written:
        if group and (len(group) >= MOST_OPERATIONS // 2 or size + put.size > MOST_BYTES):
            yield group
            group, size = [], 0
        group.append(put)
        size += put.size
    if group:
        yield group


def _number(found: KeyValue) -> int:
    return int(found.key.rpartition("/")[2])
