"""What becomes of the journal and of who holds the lease when members of etcd come to harm."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.support import etcd
from tests.support.postgres import wait_for

from tenfold.errors import JournalError
from tenfold.etcd import Access, Client, Lease
from tenfold.transitions.journal import MovableJournal, Place

pytestmark = [pytest.mark.engine, pytest.mark.few(3)]
STEPS = ({"step": "StopHost"},)
WITHIN = 6.0


@pytest.fixture(scope="module")
def three() -> Iterator[etcd.Cluster]:
    with etcd.running() as made:
        yield made


@pytest.fixture
def cluster(three: etcd.Cluster) -> etcd.Cluster:
    """All of the three run."""
    for member in three.members:
        if member.runs:
            member.resume()
    three.start()
    return three


@pytest.fixture
def path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tf-journal-", dir=etcd.IN_MEMORY) as folder:
        yield Path(folder, "journal.db")


@contextmanager
def journal_in(
    cluster: etcd.Cluster, path: Path, *, now: Callable[[], float] = time.time
) -> Iterator[MovableJournal]:
    with closing(MovableJournal(path, within=WITHIN, now=now)) as journal:
        journal.move(Place(cluster.urls, f"/{path.parent.name}/journal"))
        yield journal


class Writer:
    """Writes entry after entry, and remembers what was acknowledged and how long it took."""

    def __init__(self, journal: MovableJournal) -> None:
        self.journal = journal
        self.number = journal.begin("up", STEPS)
        self.acknowledged = 0
        self.longest_seconds = 0.0
        self.failure: JournalError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def goes_on(self) -> None:
        """Wait until more was acknowledged than now."""
        before = self.acknowledged
        wait_for(
            lambda: self.acknowledged > before + 2 or self.failure is not None,
            within=20,
            subject="the journal to be written",
        )
        assert self.failure is None, self.failure

    def _write(self) -> None:
        position = 0
        while not self._over.is_set():
            began = time.monotonic()
            try:
                self.journal.intend(self.number, position, done=position - 1 if position else None)
                self.journal.set("position", position)
            except JournalError as error:
                self.failure = error
                return
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)
            self.acknowledged = position = position + 1

    def require_all_there(self) -> None:
        record, facts = self.journal.last(), self.journal.facts()
        assert record is not None
        assert self.failure is None, self.failure
        assert record.done == tuple(range(self.acknowledged - 1))
        assert facts["position"] == self.acknowledged - 1


@pytest.mark.parametrize("harm", ["killed", "paused"])
def test_it_is_written_on_while_the_leader_is_away_and_loses_nothing(
    cluster: etcd.Cluster, path: Path, harm: str
) -> None:
    with journal_in(cluster, path) as journal:
        with Writer(journal) as writer:
            writer.goes_on()
            leader = cluster.leader()
            if harm == "killed":
                leader.kill()
            else:
                leader.pause()
            writer.goes_on()
            leader.resume() if harm == "paused" else leader.start()
            writer.goes_on()
        writer.require_all_there()


def test_it_is_written_on_through_changes_of_the_leader(cluster: etcd.Cluster, path: Path) -> None:
    with journal_in(cluster, path) as journal, Client(Access(cluster.urls)) as client:
        with Writer(journal) as writer:
            for _ in range(4):
                writer.goes_on()
                leader, other = cluster.leader(), cluster.followers()[0]
                target = client.status(other.url).id
                client.exchange.one(
                    leader.url, "/v3/maintenance/transfer-leadership", {"targetID": str(target)}, 5
                )
            writer.goes_on()
        writer.require_all_there()


def test_without_a_majority_it_says_so_in_time_and_goes_on_when_that_is_back(
    cluster: etcd.Cluster, path: Path
) -> None:
    with journal_in(cluster, path) as journal:
        number = journal.begin("up", STEPS)
        lost = cluster.followers()
        for member in lost:
            member.kill()
        began = time.monotonic()
        with pytest.raises(JournalError, match="did not answer") as caught:
            journal.intend(number, 0)
        assert time.monotonic() - began < WITHIN + 3
        assert "goes on serving" in (caught.value.changed or "")
        assert "majority" in (caught.value.next or "")
        with closing(MovableJournal(path, stale=True, within=1.0)) as other:
            assert other.last() is not None
            assert other.stale_since is not None
            with pytest.raises(JournalError):
                other.begin("deploy", STEPS)
        for member in lost:
            member.start()
        cluster.wait_ready()
        journal.intend(number, 0)
        journal.end(number, "done")
        last = journal.last()
        assert last is not None
        assert (last.id, last.outcome) == (number, "done")


def test_what_a_paused_majority_is_told_late_changes_nothing(
    cluster: etcd.Cluster, path: Path
) -> None:
    """A request that was given up is delivered when the members go on: after later ones."""
    with journal_in(cluster, path) as journal:
        journal.begin("up", STEPS)
        journal.set("fact", "before")
        for member in cluster.members:
            member.pause()
        with pytest.raises(JournalError):
            journal.set("fact", "given up")
        for member in cluster.members:
            member.resume()
        cluster.wait_ready()
        journal.set("fact", "after")
        for _ in range(20):
            journal.set("other", "more")
            assert journal.facts()["fact"] == "after"


def test_a_member_that_lost_its_data_joins_anew_and_has_everything(
    cluster: etcd.Cluster, path: Path
) -> None:
    with journal_in(cluster, path) as journal, Client(Access(cluster.urls)) as client:
        with Writer(journal) as writer:
            writer.goes_on()
            lost = cluster.followers()[0]
            lost.kill()
            lost.wipe()
            (known,) = (m for m in client.members() if m.name == lost.name)
            client.ask("cluster/member/remove", {"ID": str(known.id)})
            client.ask("cluster/member/add", {"peerURLs": [lost.peer_url]})
            lost.start(cluster.initial, state="existing")
            cluster.wait_ready()
            writer.goes_on()
        writer.require_all_there()
        with Client(Access((lost.url,))) as alone:
            head = f"/{path.parent.name}/journal/head"
            assert alone.get(head) == client.get(head)


def test_all_data_lost_is_told_and_the_copy_becomes_the_journal(path: Path) -> None:
    with etcd.running(1) as cluster:
        place = Place(cluster.urls, "/shop/journal")
        with journal_in(cluster, path) as journal:
            journal.move(place) if journal.place is None else None
            old = journal.begin("up", STEPS)
            journal.end(old, "done")
            journal.set("position", "1k")
            journal.refresh()
            cluster.members[0].kill()
            cluster.members[0].wipe()
            cluster.start()
            with pytest.raises(JournalError, match="lost") as caught:
                journal.begin("deploy", STEPS)
            assert "tenfold journal restore" in (caught.value.next or "")
            with closing(MovableJournal(path)) as restored:
                restored.restore(place)
                assert restored.begin("deploy", STEPS) == old + 1
            with pytest.raises(JournalError, match="taken over"):
                journal.set("position", "100")
            assert journal.facts() == {"position": "1k"}


def test_another_journal_that_is_in_use_is_replaced_on_order_alone(path: Path) -> None:
    """etcd was restored from a snapshot of before the journal was moved away and back."""
    with etcd.running(1) as cluster:
        with journal_in(cluster, path) as journal:
            place = journal.place
            assert place is not None
            journal.begin("up", STEPS)
            journal.set("position", "1k")
            journal.refresh()
            with pytest.raises(JournalError, match="nothing to restore"):
                journal.restore(place, over_another=True)
            with Client(Access(cluster.urls)) as client:
                key = f"{place.prefix}/head"
                told = json.loads(client.get(key).value)  # type: ignore[union-attr]
                other = {**told, "generation": "older", "epoch": told["epoch"] + 5000}
                client.put(key, json.dumps(other, sort_keys=True).encode())
            with pytest.raises(JournalError, match="another journal"):
                journal.begin("deploy", STEPS)
            with pytest.raises(JournalError, match="in use") as caught:
                journal.restore(place)
            assert "--over-another" in (caught.value.next or "")
        with closing(MovableJournal(path)) as restored:
            restored.restore(place, over_another=True)
            assert restored.facts()["position"] == "1k"
            restored.begin("deploy", STEPS)
            assert restored.epoch > other["epoch"], "no agent takes it for an order of before"


def test_a_full_disk_is_not_told_as_a_lost_majority(path: Path) -> None:
    with etcd.running(1) as cluster, journal_in(cluster, path) as journal:
        with Client(Access(cluster.urls)) as client:
            (member,) = client.members()
            alarm = {"action": "ACTIVATE", "memberID": str(member.id), "alarm": "NOSPACE"}
            client.ask("maintenance/alarm", alarm)
        with pytest.raises(JournalError) as caught:
            journal.set("position", "1k")
        assert "alarm disarm" in (caught.value.next or "")
        assert "majority" not in (caught.value.next or "")


def test_a_snapshot_brings_the_journal_back_and_no_epoch_is_given_twice(path: Path) -> None:
    if "wheel" not in etcd.programs():
        pytest.skip("etcdctl is beside the wheel's etcd alone")
    control = etcd.programs()["wheel"].with_name("etcdctl")
    with etcd.running(1, etcd=etcd.programs()["wheel"]) as cluster:
        (member,) = cluster.members
        with journal_in(cluster, path) as journal:
            journal.begin("up", STEPS)
            saved = str(cluster.root / "snapshot")
            ask(control, "--endpoints", member.url, "snapshot", "save", saved)
            journal.begin("deploy", STEPS)
            given = journal.epoch
            journal.refresh()
        member.kill()
        member.wipe()
        ask(
            control, "snapshot", "restore", saved, "--name", member.name,
            "--data-dir", str(member.data), "--initial-cluster", cluster.initial,
            "--initial-advertise-peer-urls", member.peer_url,
        )  # fmt: skip
        etcd.own(member.data)
        cluster.start()
        with closing(MovableJournal(path)) as journal:
            last = journal.last()
            assert last is not None
            assert last.kind == "up"
            journal.begin("resume", STEPS)
            assert journal.epoch > given


def ask(control: Path, *words: str) -> None:
    done = subprocess.run(
        [str(control), *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_clock_that_jumps_changes_no_order(cluster: etcd.Cluster, path: Path) -> None:
    clock = [2e9]
    with journal_in(cluster, path, now=lambda: clock[0]) as journal:
        first = journal.begin("up", STEPS)
        journal.intend(first, 0)
        clock[0] = 1e9
        journal.done(first, 0)
        second = journal.begin("deploy", STEPS)
        assert [r.id for r in journal.history(2)] == [second, first]
        assert journal.history(2)[1].done == (0,)


def test_a_holder_whose_machine_sleeps_holds_nothing_when_it_wakes(cluster: etcd.Cluster) -> None:
    boot = [1000.0]
    with Client(Access(cluster.urls)) as client:
        lease = Lease(client, "/held/asleep", "app1", seconds=30, clock=lambda: boot[0])
        held = lease.step()
        assert held is not None
        boot[0] += 30
        assert lease.holding is None
        lease.give_up()


def test_a_lease_survives_a_change_of_the_leader(cluster: etcd.Cluster) -> None:
    with Client(Access(cluster.urls), within=3.0) as client:
        lease = Lease(client, "/held/on", "app1", seconds=5)
        first = lease.step()
        assert first is not None
        cluster.leader().kill()
        until = time.monotonic() + 6
        while time.monotonic() < until:
            held = lease.step()
            assert held is not None
            assert held.token == first.token
            threading.Event().wait(lease.every_seconds / 2)
        lease.give_up()
        assert lease.holder() is None
