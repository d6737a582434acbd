"""What every journal does, be it in a file, in etcd, or moved from one to the other and back."""

from __future__ import annotations

import contextlib
import itertools
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support import etcd

from tenfold.errors import JournalError
from tenfold.etcd import Access, Client, Range
from tenfold.transitions.journal import Journal, MovableJournal, Place, SqliteJournal
from tenfold.transitions.journal.etcd import EtcdJournal
from tenfold.transitions.steps import EnsureHost, StopHost, to_json

pytestmark = [pytest.mark.engine, pytest.mark.few(4)]
STEPS = (to_json(EnsureHost("vm1")), to_json(StopHost("vm1")))
KINDS = ("file", "etcd", "returned")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def access() -> Iterator[Access]:
    with etcd.running(1) as cluster:
        yield Access(cluster.urls)


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tf-journal-", dir=etcd.IN_MEMORY) as made:
        yield Path(made)


@dataclass
class Shelf:
    """A journal, opened by one command after another."""

    kind: str
    path: Path
    access: Access
    seconds: Iterator[float] = field(default_factory=lambda: itertools.count(100.0))
    opened: list[MovableJournal] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place = Place(self.access.urls, f"/shop{next(_numbers)}/journal")
        if self.kind != "file":
            self.open().move(self.place)
        if self.kind == "returned":
            self.open().move(None)

    def open(self) -> MovableJournal:
        self.opened.append(MovableJournal(self.path, now=lambda: next(self.seconds)))
        return self.opened[-1]

    def close(self) -> None:
        for journal in self.opened:
            journal.close()


@pytest.fixture(params=KINDS)
def shelf(request: pytest.FixtureRequest, folder: Path, access: Access) -> Iterator[Shelf]:
    made = Shelf(request.param, folder / "journal.db", access)
    yield made
    made.close()


def test_it_is_where_it_is_said_to_be(shelf: Shelf) -> None:
    assert (shelf.open().place is not None) == (shelf.kind == "etcd")


def test_a_transition_is_remembered_with_what_was_intended_and_done(shelf: Shelf) -> None:
    journal = shelf.open()
    number = journal.begin("up", STEPS)
    journal.intend(number, 0)
    journal.intend(number, 1, done=0)
    record = shelf.open().last()
    assert record
    assert (record.kind, record.ended, record.position, record.done) == ("up", None, 1, (0,))
    assert record.steps == STEPS
    journal.intend(number, 0)
    assert shelf.open().last().done == ()  # type: ignore[union-attr]


def test_an_ended_transition_says_how(shelf: Shelf) -> None:
    journal = shelf.open()
    journal.end(journal.begin("up", STEPS), "backed-out", "it rained")
    record = journal.last()
    assert record
    assert (record.outcome, record.message) == ("backed-out", "it rained")
    assert record.ended is not None


def test_a_transition_that_was_cut_off_is_closed_by_the_next_one(shelf: Shelf) -> None:
    first = shelf.open().begin("deploy", STEPS)
    second = shelf.open().begin("up", STEPS)
    assert second == first + 1
    found = shelf.open().history(5)
    assert [r.id for r in found] == [second, first]
    assert [r.outcome for r in found] == [None, "failed"]
    assert found[1].message == "interrupted"


def test_whoever_was_overtaken_can_no_longer_write(shelf: Shelf) -> None:
    old, new = shelf.open(), shelf.open()
    number = old.begin("deploy", STEPS)
    assert new.begin("deploy", STEPS) == number + 1
    assert new.epoch == old.epoch + 1
    for write in (
        lambda: old.intend(number, 0),
        lambda: old.done(number, 0),
        lambda: old.end(number, "done"),
        lambda: old.set("served", ["r1"]),
        lambda: old.set("served", None),
    ):
        with pytest.raises(JournalError, match="taken over"):
            write()
    new.set("served", ["r2"])
    assert shelf.open().facts() == {"served": ["r2"]}


def test_whoever_only_sets_facts_neither_overtakes_nor_is_overtaken(shelf: Shelf) -> None:
    worker, aside = shelf.open(), shelf.open()
    number = worker.begin("deploy", STEPS)
    aside.set("a", 1)
    worker.intend(number, 0)
    aside.set("b", {"x": [None, "é", 1.5]})
    worker.set("a", None)
    worker.end(number, "done")
    assert shelf.open().facts() == {"b": {"x": [None, "é", 1.5]}}


def test_steps_that_run_together_may_record_facts_from_their_threads(shelf: Shelf) -> None:
    journal = shelf.open()
    journal.begin("up", STEPS)
    threads = [threading.Thread(target=journal.set, args=(f"k{i}", i)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.facts() == {f"k{i}": i for i in range(8)}


def test_more_steps_than_etcd_takes_at_once_are_all_there(shelf: Shelf) -> None:
    steps = tuple({"step": "x", "text": "y" * 10_000, "number": n} for n in range(300))
    journal = shelf.open()
    number = journal.begin("up", steps)
    record = shelf.open().last()
    assert record
    assert (record.id, record.steps) == (number, steps)


def test_many_transitions_do_not_pile_up_in_etcd(folder: Path, access: Access) -> None:
    shelf = Shelf("etcd", folder / "journal.db", access)
    generation = shelf.open().file.mark()["generation"]  # type: ignore[index]
    with Client(access) as client:
        journal = EtcdJournal(client, shelf.place.prefix, generation, keep=3)
        for number in range(1, 8):
            assert journal.begin("up", STEPS) == number
            journal.intend(number, 0)
        assert [r.id for r in journal.history(500)] == [7, 6, 5]
        left = client.range(Range(f"{shelf.place.prefix}/", prefix=True))
    assert len(left) == 1 + 3 * 3, "the head, and of each its row, its steps and its entry"
    shelf.close()


@st.composite
def deeds(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """What two commands do, one after the other or at once."""
    who, position = st.sampled_from("ab"), st.integers(0, 2)
    one = st.one_of(
        st.tuples(st.just("begin"), who, st.sampled_from(["up", "deploy"])),
        st.tuples(st.just("intend"), who, position, st.none() | position),
        st.tuples(st.just("done"), who, position),
        st.tuples(st.just("end"), who, st.sampled_from(["done", "failed"]), st.none() | st.text()),
        st.tuples(st.just("set"), who, st.sampled_from(["x", "y/z"]), st.none() | st.text()),
        st.tuples(st.just("again"), who),
        st.tuples(st.just("move"), who),
    )
    return draw(st.lists(one, max_size=16))


class Play:
    """The same deeds, done to one journal; ``moves`` has it moved as well."""

    def __init__(self, open: Callable[[], Journal], place: Place | None) -> None:
        self.open = open
        self.place = place
        self.there = False
        self.commands = {"a": open(), "b": open()}
        self.numbers = {"a": 0, "b": 0}

    def do(self, deed: tuple[Any, ...]) -> str:
        name, who, *rest = deed
        command, number = self.commands[who], self.numbers[who]
        try:
            if name == "begin":
                self.numbers[who] = command.begin(rest[0], STEPS)
            elif name == "intend" and number:
                command.intend(number, rest[0], done=rest[1])
            elif name == "done" and number:
                command.done(number, rest[0])
            elif name == "end" and number:
                command.end(number, *rest)
            elif name == "set":
                command.set(*rest)
            elif name == "again":
                self.commands[who], self.numbers[who] = self.open(), 0
            elif name == "move":
                self.move(command)
        except JournalError as error:
            return error.what
        return "fine"

    def move(self, command: Journal) -> None:
        if isinstance(command, MovableJournal) and self.place is not None:
            command.move(None if command.place else self.place)
        elif command.epoch:  # a move is refused to whoever was overtaken, and changes nothing else
            found = self.open()
            assert isinstance(found, SqliteJournal)
            if found.newest_epoch() != command.epoch:
                raise JournalError("another command has taken over this deployment meanwhile")

    def seen(self) -> Any:
        journal = self.open()
        return journal.facts(), journal.history(10), {w: c.epoch for w, c in self.commands.items()}


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(done=deeds())
def test_the_same_history_gives_the_same_journal_wherever_it_is(
    done: list[tuple[Any, ...]], access: Access
) -> None:
    clock = [0.0]
    with contextlib.ExitStack() as stack:
        made = tempfile.TemporaryDirectory(prefix="tf-journal-", dir=etcd.IN_MEMORY)
        folder = Path(stack.enter_context(made))

        def plain() -> Journal:
            opened = SqliteJournal(folder / "plain.db", now=lambda: clock[0])
            return stack.enter_context(contextlib.closing(opened))

        def movable() -> Journal:
            opened = MovableJournal(folder / "movable.db", now=lambda: clock[0])
            return stack.enter_context(contextlib.closing(opened))

        place = Place(access.urls, f"/shop{next(_numbers)}/journal")
        expected, found = Play(plain, None), Play(movable, place)
        for deed in done:
            clock[0] += 1.5
            assert found.do(deed) == expected.do(deed), deed
            assert found.seen() == expected.seen(), deed
