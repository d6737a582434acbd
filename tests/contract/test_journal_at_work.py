"""One command is at work on a deployment whose journal is in etcd, wherever others are given."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support import etcd

from tenfold.errors import JournalError, Locked
from tenfold.etcd import Access, Client
from tenfold.state.lock import Holder
from tenfold.transitions.journal import MovableJournal, Place
from tenfold.transitions.journal.at_work import AtWork, Worker, key_of

pytestmark = [pytest.mark.engine, pytest.mark.few(2)]
MINE = Worker(Holder(1, "ada", "tenfold deploy", 100.0), "laptop", "boot 1", "/srv/a/.tenfold")
OTHERS = replace(MINE, machine="desk", boot="boot 2")
_numbers = itertools.count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[etcd.Cluster]:
    with etcd.running(1) as made:
        yield made


@pytest.fixture
def opened(cluster: etcd.Cluster) -> Iterator[Callable[[], MovableJournal]]:
    """The same journal, in etcd, from as many folders as are asked for."""
    place = Place(cluster.urls, f"/shop{next(_numbers)}/journal")
    made: list[MovableJournal] = []
    with tempfile.TemporaryDirectory(prefix="tf-at-work-", dir=etcd.IN_MEMORY) as folder:
        first = Path(folder, "0.db")
        with closing(MovableJournal(first)) as journal:
            journal.move(place)

        def another() -> MovableJournal:
            path = Path(folder, f"{len(made) + 1}.db")
            path.write_bytes(first.read_bytes())
            made.append(MovableJournal(path))
            return made[-1]

        yield another
        for journal in made:
            journal.close()


def test_the_second_is_refused_and_told_who_the_first_is(
    opened: Callable[[], MovableJournal],
) -> None:
    one, two = opened(), opened()
    with one.at_work(MINE):
        refused = pytest.raises(Locked, match=r"tenfold deploy is at work from /srv/a")
        with refused, two.at_work(OTHERS):
            raise AssertionError("both are at work")
        assert two.worker_elsewhere(OTHERS) == MINE
        assert one.worker_elsewhere(MINE) is None
    assert two.worker_elsewhere(OTHERS) is None
    with two.at_work(OTHERS):
        assert one.worker_elsewhere(MINE) == OTHERS


def test_who_was_killed_in_this_folder_keeps_nobody_of_it_away(
    opened: Callable[[], MovableJournal], cluster: etcd.Cluster
) -> None:
    journal = opened()
    assert journal.place is not None
    client = Client(Access(cluster.urls))
    client.grant(77, 60)
    from tenfold.etcd import Put

    client.transact([], [Put(key_of(journal.place.prefix), MINE.encoded().encode(), 77)])
    with journal.at_work(replace(MINE, holder=replace(MINE.holder, pid=2))):
        pass
    client.close()


def test_who_went_with_its_machine_is_waited_for_until_its_lease_is_over(
    cluster: etcd.Cluster,
) -> None:
    prefix = f"/shop{next(_numbers)}/journal"
    before = Client(Access(cluster.urls), within=2.0)
    lost = AtWork(before, prefix, MINE, seconds=2)
    lost._over.set()  # as if it were killed: nobody keeps or gives up its lease
    lost._thread.join()
    after = AtWork(Client(Access(cluster.urls), within=2.0), prefix, replace(MINE, boot="boot 9"))
    after.close()
    before.close()


def test_it_comes_along_when_the_journal_moves(cluster: etcd.Cluster) -> None:
    place = Place(cluster.urls, f"/shop{next(_numbers)}/journal")
    with (
        tempfile.TemporaryDirectory(prefix="tf-at-work-", dir=etcd.IN_MEMORY) as folder,
        closing(MovableJournal(Path(folder, "j.db"))) as journal,
        Client(Access(cluster.urls)) as client,
        journal.at_work(MINE),
    ):
        assert client.get(key_of(place.prefix)) is None
        journal.move(place)
        assert client.get(key_of(place.prefix)) is not None
        journal.move(None)
        assert client.get(key_of(place.prefix)) is None


def test_without_etcd_nobody_begins_and_a_stale_one_goes_on() -> None:
    with tempfile.TemporaryDirectory(prefix="tf-at-work-", dir=etcd.IN_MEMORY) as folder:
        path = Path(folder, "j.db")
        with etcd.running(1) as gone, closing(MovableJournal(path)) as journal:
            journal.move(Place(gone.urls, "/shop/journal"))
        refused = pytest.raises(JournalError, match="did not answer")
        with closing(MovableJournal(path, within=1.0)) as journal, refused, journal.at_work(MINE):
            raise AssertionError("it is at work")
        with closing(MovableJournal(path, stale=True, within=1.0)) as journal:
            journal.facts()
            with journal.at_work(MINE):
                assert journal.stale_since is not None
