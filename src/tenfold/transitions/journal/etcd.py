"""The journal in etcd, from stage ``1k`` on: it outlives every single host.

Every write is one transaction on the condition that the journal's head is the one its writer knows,
see :mod:`.head`; how it lies there is in :mod:`.rows`. Of transitions the newest hundred are kept.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from tenfold.errors import JournalError
from tenfold.etcd import Client, Delete, EtcdError, KeyValue, Put, Range, unchanged, value_is
from tenfold.etcd.values import MOST_BYTES, MOST_OPERATIONS, Operation
from tenfold.transitions.journal import rows
from tenfold.transitions.journal.head import Head, State, decoded, require_ours, require_writable
from tenfold.transitions.journal.model import (
    Contents,
    Moved,
    Outcome,
    Record,
    Transition,
    overtaken,
)

KEEP: Final = 100
RACES: Final = 50
"""Writes of others that may come before one of ours."""
_GROUP: Final = MOST_OPERATIONS // rows.RANGES


class EtcdJournal:
    """A :class:`~tenfold.transitions.journal.Journal` under a prefix of etcd's keys.

    Args:
        client: whom to ask; its ``within`` bounds every read and every write.
        prefix: under which all keys are; begins with a slash and ends without.
        generation: which journal that must be.
        floor: epochs up to this one were given already, whatever etcd says.
        keep: so many transitions are.
        now: the clock, in seconds since the epoch.
    """

    def __init__(
        self,
        client: Client,
        prefix: str,
        generation: str,
        *,
        floor: int = 0,
        keep: int = KEEP,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._keys = rows.Keys(prefix)
        self._generation = generation
        self._floor = floor
        self._keep = keep
        self._now = now
        self._epoch: int | None = None
        self._token: str | None = None
        self._known: Head | None = None
        self._one_writer = threading.RLock()

    @property
    def client(self) -> Client:
        """Whom it asks."""
        return self._client

    def close(self) -> None:
        """See :class:`Journal`."""
        self._client.close()

    @property
    def epoch(self) -> int:
        """See :class:`Journal`."""
        return self._epoch or 0

    def take(self, epoch: int) -> None:
        """Go on as the command with this epoch, which began when the journal was elsewhere."""
        self._epoch = epoch

    # What the runner does

    def begin(self, kind: str, steps: tuple[dict[str, Any], ...]) -> int:
        """See :class:`Journal`."""
        token, now, pieces = secrets.token_hex(8), self._now(), rows.pieces(steps)
        with self._one_writer, told("the command was not begun"):
            for _ in range(RACES):
                head = self._look()
                if head.token == token:  # it was done, and we had not heard of it
                    break
                require_writable(head)
                id, epoch = head.id + 1, max(head.epoch, self._floor) + 1
                written = self._keys.steps(id, token, pieces)
                if len(written) > 1:  # more than fits: before whatever leads there
                    for put in written:
                        self._client.put(put.key, put.value)
                done = [
                    *self._cut_off(head.id, now),
                    Put(self._keys.transition(id), rows.Row(kind, epoch, token, now).encoded()),
                    *(written if len(written) == 1 else ()),
                    *self._keys.forget(id - self._keep),
                ]
                self._swap(head, head.after(token, epoch=epoch, id=id, token=token), done)
            else:
                raise _busy()
            self._epoch, self._token = head.epoch, token
            return head.id

    def intend(self, transition: int, position: int, *, done: int | None = None) -> None:
        """See :class:`Journal`."""
        now, keys = rows.moment(self._now()), self._keys
        written: list[Operation] = [
            Put(keys.intended(transition, position), now),
            Delete(keys.done(transition, position)),
        ]
        if done is not None and done != position:
            written.append(Put(keys.done(transition, done), now))
        self._write(written, fenced=True)

    def done(self, transition: int, position: int) -> None:
        """See :class:`Journal`."""
        now = rows.moment(self._now())
        self._write([Put(self._keys.done(transition, position), now)], fenced=True)

    def end(self, transition: int, outcome: Outcome, message: str | None = None) -> None:
        """See :class:`Journal`."""
        key = self._keys.transition(transition)
        with told():
            found = self._client.get(key)
        written = []
        if found is not None:
            ended = rows.row(found.value).ended_so(self._now(), outcome, message)
            written.append(Put(key, ended.encoded()))
        self._write(written, fenced=True)

    def set(self, key: str, value: Any) -> None:
        """See :class:`Journal`."""
        name, fenced = self._keys.fact(key), self._epoch is not None
        if value is None:
            self._write([Delete(name)], fenced=fenced)
            return
        data = json.dumps(value).encode()
        _require_fits(key, data)
        self._write([Put(name, data)], fenced=fenced)

    # What others are told

    def last(self) -> Record | None:
        """See :class:`Journal`."""
        return next(iter(self.history(1)), None)

    def history(self, most: int) -> tuple[Record, ...]:
        """See :class:`Journal`."""
        with self._one_writer, told(_NOTHING):
            return tuple(t.record() for t in self._newest(min(most, self._keep)).transitions[::-1])

    def facts(self) -> Mapping[str, Any]:
        """See :class:`Journal`."""
        asked = [Range(self._keys.head), Range(self._keys.facts, prefix=True)]
        with self._one_writer, told(_NOTHING):
            head, facts = self._client.transact([], asked).found
            self._see(head)
        return self._keys.read_facts(facts)

    def contents(self, most: int = KEEP) -> tuple[Contents, int]:
        """Everything as it was at one moment, of transitions at most so many, and the sequence of
        its head."""
        with self._one_writer, told(_NOTHING):
            found = self._newest(min(most, self._keep))
            assert self._known is not None, "whoever has read has seen the head"
            return found, self._known.sequence

    def _newest(self, most: int) -> Contents:
        asked = [
            Range(self._keys.head),
            Range(self._keys.facts, prefix=True),
            Range(self._keys.transitions, prefix=True, most=most, backwards=True),
        ]
        result = self._client.transact([], asked)
        head, facts, newest = result.found
        self._see(head)
        told: list[Transition] = []
        for at in range(0, len(newest), _GROUP):
            group = newest[at : at + _GROUP]
            ranges: list[Operation] = []
            for kv in group:
                ranges += self._keys.details(kv, result.revision)
            found = self._client.transact([], ranges).found
            for number, kv in enumerate(group):
                details = found[number * rows.RANGES : (number + 1) * rows.RANGES]
                told.append(self._keys.read(kv, details))
        return Contents(tuple(told[::-1]), self._keys.read_facts(facts))

    # Moving

    def fill(
        self, contents: Contents, epoch: int, *, lost: int = 0, instead_of: str | None = None
    ) -> None:
        """Make this a copy, in place of whatever was here; whoever has the ``epoch`` may go on.

        Args:
            contents: what is to be here.
            epoch: of whoever moves it.
            lost: so many more may have been given since.
            instead_of: the generation that was here, and is not: another one in use is overwritten
                then, and epochs are counted on from the higher of the two.

        Raises:
            JournalError: another journal is here, and in use.
        """
        for key, value in contents.facts.items():
            _require_fits(key, json.dumps(value).encode())
        with self._one_writer, told(_NOT_MOVED):
            found = self._client.get(self._keys.head)
            before = 0 if found is None else decoded(found.value).epoch
            _require_vacant(self._keys.prefix, found, instead_of)
            token = self._token or secrets.token_hex(8)
            given = max(epoch, before if instead_of else 0) + lost
            head = Head("copying", self._generation, given, token, contents.id)
            first: list[Operation] = [
                Put(self._keys.head, head.encoded()),
                *self._keys.everything(),
            ]
            was = 0 if found is None else found.revision
            self._client.transact([unchanged(self._keys.head, was)], first)
            if self._look() != head:
                raise overtaken()
            self._token = token
            for batch in rows.batches(self._keys.write(contents)):
                self._follow(head := head.after(secrets.token_hex(8)), batch)
            self._follow(head.after(secrets.token_hex(8), state="copied"), [])

    def become(self, state: State, *before: State) -> None:
        """Go to this state from one of those; fine if it is there already.

        Raises:
            Moved: it is in another one.
        """
        with self._one_writer, told(_NOT_MOVED):
            for _ in range(RACES):
                head = self._look()
                if head.state == state:
                    return
                if head.state not in before:
                    raise Moved(f"the journal in etcd is {head.state} already")
                self._swap(head, head.after(secrets.token_hex(8), state=state), [])
            raise _busy()

    def leave(self) -> None:
        """Let nobody write here any more, so that it can be moved away.

        Raises:
            JournalError: another command has taken over.
        """
        with self._one_writer, told(_NOT_MOVED):
            require_writable(self._look(), self._epoch, self._token)
            self.become("leaving", "live", "copied")

    # Writing

    def _write(self, operations: Sequence[Operation], *, fenced: bool) -> None:
        epoch, token = (self._epoch or 0, self._token) if fenced else (None, None)
        by = secrets.token_hex(8)
        with self._one_writer, told():
            for _ in range(RACES):
                head = self._known or self._look()
                if head.by == by:
                    return
                require_writable(head, epoch, token)
                if self._swap(head, head.after(by), operations):
                    return
            raise _busy()

    def _swap(self, head: Head, wanted: Head, operations: Sequence[Operation]) -> bool:
        """One write, on the condition that the head is still this one. What it is then is known,
        unless it breaks off: then it may have been done, or be done yet."""
        key, self._known = self._keys.head, None
        put = Put(key, wanted.encoded())
        done = self._client.transact(
            [value_is(key, head.encoded())], [put, *operations], [Range(key)]
        )
        if done.held:
            self._known = wanted
        else:
            self._see(done.found[0])
        return done.held

    def _follow(self, wanted: Head, operations: Sequence[Operation]) -> None:
        assert self._known is not None, "the head before was made here"
        if not self._swap(self._known, wanted, operations) and self._known != wanted:
            raise overtaken()

    def _look(self) -> Head:
        return self._see(self._client.range(Range(self._keys.head)))

    def _see(self, found: Sequence[KeyValue]) -> Head:
        head = decoded(found[0].value) if found else None
        self._known = require_ours(head, self._generation)
        return self._known

    def _cut_off(self, id: int, now: float) -> Iterator[Put]:
        """The end of the transition before, if it has none."""
        key = self._keys.transition(id)
        found = self._client.get(key)
        if found is not None and (of := rows.row(found.value)).ended is None:
            yield Put(key, of.ended_so(now, "failed", "interrupted").encoded())


_NOTHING: Final = "nothing: the site goes on serving, and writes go where they went"
_NOT_BEGUN: Final = "what was about to begin was not begun; the site goes on serving"
_NOT_MOVED: Final = "the journal stays where it is; the site goes on serving"


@contextlib.contextmanager
def told(changed: str = _NOT_BEGUN) -> Iterator[None]:
    """What etcd did not do in the block is told as of the journal that is there.

    Raises:
        JournalError: with ``changed`` as what is different now.
    """
    try:
        yield
    except EtcdError as error:
        raise JournalError(
            f"the journal is in etcd, which did not answer: {error.what}"
            if error.kind == "silent"
            else f"the journal is in etcd, which refused: {error.what}",
            changed=changed,
            next=_WAYS_ON.get(error.kind, "tenfold status    tells how etcd's members are"),
        ) from error


_WAYS_ON: Final[Mapping[str, str]] = {
    "silent": "have a majority of etcd's members run again (tenfold status names those that"
    " do not), then give the command again",
    "full": "make room on the disks of etcd's members, compact and defragment it, then clear the"
    " alarm:  etcdctl alarm disarm",
    "refused": "see that the certificates in .tenfold are those that etcd's members were given",
}


def _require_vacant(prefix: str, found: KeyValue | None, instead_of: str | None) -> None:
    if found is None or (head := decoded(found.value)).state not in ("live", "leaving"):
        return
    if instead_of is None:
        raise JournalError(
            f"etcd has a journal under {prefix} already, which is in use",
            changed=_NOT_MOVED,
            next="see whose it is: two deployments of one name would share it. If etcd was restored"
            " and it is an older one of this deployment's own,\n"
            "  tenfold journal restore --over-another   has the copy take its place",
        )
    if head.generation == instead_of:
        raise JournalError(
            "etcd has the journal, as it should: there is nothing to restore", changed=_NOT_MOVED
        )


def _require_fits(key: str, data: bytes) -> None:
    if len(data) > MOST_BYTES:
        raise JournalError(
            f"the fact {key} has {len(data)} bytes, and etcd takes {MOST_BYTES} at a time",
            changed="nothing",
        )


def _busy() -> JournalError:
    return JournalError(
        "others write into the journal without a pause",
        changed=_NOT_BEGUN,
        next="tenfold status    tells who is at work",
    )
