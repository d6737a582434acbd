"""The journal on its way between its file and etcd, killed or paused anywhere: there is exactly
one, and nothing that was acknowledged is missing from it."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import etcd
from tests.support.postgres import wait_for

from tenfold.errors import JournalError
from tenfold.etcd import Client
from tenfold.etcd.access import Access
from tenfold.transitions.journal import MovableJournal, Place, SqliteJournal
from tenfold.transitions.journal.etcd import EtcdJournal

pytestmark = [pytest.mark.engine, pytest.mark.few(1)]
STEPS = ({"step": "MoveJournal"},)
THERE = ("MoveJournal.copied", "MoveJournal.marked")
BACK = ("MoveJournal.leaving", "MoveJournal.left")
COMMAND = """
import json, sys
from pathlib import Path
from tenfold.transitions.journal import MovableJournal, Place

path, urls, prefix, there = sys.argv[1:]
journal = MovableJournal(Path(path))
number = journal.begin("grow", ({"step": "MoveJournal"},))
journal.intend(number, 0)
for n in range(200):
    journal.set(f"big{n}", "x" * 10000) if there == "there" and n < 3 else None
journal.set("acknowledged", number)
print(number, flush=True)
journal.move(Place(tuple(json.loads(urls)), prefix) if there == "there" else None)
journal.done(number, 0)
journal.end(number, "done")
print("over", flush=True)
"""
_numbers = itertools.count()


@pytest.fixture(scope="module")
def cluster() -> Iterator[etcd.Cluster]:
    with etcd.running(1) as made:
        yield made


@dataclass
class Scene:
    """A journal that is at one end, with one transition in it."""

    path: Path
    place: Place
    there: bool
    facts: dict[str, object]

    def open(self) -> MovableJournal:
        return MovableJournal(self.path)

    def command(self, stop_at: str = "") -> subprocess.Popen[str]:
        """Moves the journal to the other end."""
        urls = str(list(self.place.urls)).replace("'", '"')
        way = "back" if self.there else "there"
        argv = [sys.executable, "-c", COMMAND, str(self.path), urls, self.place.prefix, way]
        env = {**os.environ, "TENFOLD_STOP_AT": stop_at}
        return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)

    def require_one(self) -> int:
        """There is one journal, nothing is missing, and it can be gone on with; gives the number
        of the newest transition before."""
        with closing(self.open()) as journal:
            last, facts = journal.last(), journal.facts()
            assert last is not None
            assert facts.items() >= self.facts.items()
            number = journal.begin("resume", STEPS)
            assert number == last.id + 1
            journal.intend(number, 0)
            journal.set("after", number)
            journal.end(number, "done")
            self._require_other_is_none(journal)
        return last.id

    def _require_other_is_none(self, journal: MovableJournal) -> None:
        """Nobody can write at the other end."""
        if journal.place is not None:
            with closing(SqliteJournal(self.path)) as file, pytest.raises(JournalError):
                file.set("into the copy", 1)
            return
        told = journal.file.left() or journal.file.former()
        if told is not None:
            with Client(Access(self.place.urls)) as client:
                old = EtcdJournal(client, self.place.prefix, told["generation"])
                with pytest.raises(JournalError):
                    old.set("into what was left", 1)


@pytest.fixture(params=["there", "back"])
def scene(request: pytest.FixtureRequest, cluster: etcd.Cluster) -> Iterator[Scene]:
    with tempfile.TemporaryDirectory(prefix="tf-journal-", dir=etcd.IN_MEMORY) as folder:
        place = Place(cluster.urls, f"/shop{next(_numbers)}/journal")
        path = Path(folder, "journal.db")
        facts: dict[str, object] = {"position": "100", "served": ["r1", "r2"]}
        with closing(MovableJournal(path)) as journal:
            journal.end(journal.begin("up", STEPS), "done")
            for key, value in facts.items():
                journal.set(key, value)
            if request.param == "back":
                journal.move(place)
        yield Scene(path, place, request.param == "back", facts)


def stopped_at(process: subprocess.Popen[str]) -> None:
    """Wait until it has stopped itself."""

    def stopped() -> bool:
        pid, status = os.waitpid(process.pid, os.WUNTRACED | os.WNOHANG)
        assert not (pid and not os.WIFSTOPPED(status)), "it ended instead"
        return pid != 0

    wait_for(stopped, within=60, subject="the command to stop at its point")


def kill(process: subprocess.Popen[str]) -> str:
    process.kill()
    told = process.communicate()[0]
    return told or ""


@pytest.mark.parametrize("number", [0, 1])
def test_whoever_is_killed_while_moving_it_leaves_exactly_one(scene: Scene, number: int) -> None:
    process = scene.command((BACK if scene.there else THERE)[number])
    stopped_at(process)
    told = kill(process)
    scene.facts["acknowledged"] = int(told.split()[0])
    assert scene.require_one() == int(told.split()[0])
    with closing(scene.open()) as journal:
        moved = (journal.place is not None) != scene.there
        assert moved == (number == 1), "the mark is where it moves"
    del scene.facts["acknowledged"]  # the next command has another number
    again = scene.command()
    assert again.communicate(timeout=60)[0].endswith("over\n") or moved
    scene.require_one()


@pytest.mark.sampled(1)
def test_whoever_sleeps_while_moving_it_keeps_others_out_and_goes_on(scene: Scene) -> None:
    with closing(scene.open()) as other:
        process = scene.command((BACK if scene.there else THERE)[0])
        stopped_at(process)
        assert other.facts().items() >= scene.facts.items()
        with pytest.raises(JournalError):
            other.begin("resume", STEPS)
        process.send_signal(signal.SIGCONT)
        told = process.communicate(timeout=60)[0]
        assert told.endswith("over\n")
        last = other.last()
        assert last is not None
        assert (last.id, last.outcome, last.done) == (int(told.split()[0]), "done", (0,))
    scene.require_one()


def test_an_older_command_can_write_at_neither_end(scene: Scene) -> None:
    with closing(scene.open()) as old:
        number = old.begin("deploy", STEPS)
        old.intend(number, 0)
        assert scene.command().communicate(timeout=60)[0].endswith("over\n")
        for write in (lambda: old.intend(number, 0), lambda: old.set("a", 1)):
            with pytest.raises(JournalError, match="taken over"):
                write()
        with pytest.raises(JournalError, match="taken over"):
            old.move(scene.place if scene.there else None)
    scene.require_one()


def test_there_and_back_again_keeps_everything(scene: Scene) -> None:
    for _ in range(2):
        with closing(scene.open()) as journal:
            before = journal.facts(), journal.history(10)
            journal.move(None if journal.place else scene.place)
            assert (journal.facts(), journal.history(10)) == before
            journal.move(scene.place if journal.place else None)
        scene.require_one()


def test_killed_at_random_there_is_exactly_one(
    scene: Scene, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(f"{request.config.getoption('--seed')} journal")
    began = time.monotonic()
    assert scene.command().communicate(timeout=60)[0]
    whole = time.monotonic() - began
    for _ in range(int(request.config.getoption("--crash-rounds"))):
        with closing(scene.open()) as journal:
            scene.there = journal.place is not None
        process = scene.command()
        process.stdout.readline()  # type: ignore[union-attr]
        time.sleep(chance.uniform(0, whole / 3))
        kill(process)
        scene.require_one()


def test_a_copy_tells_how_old_it_is_when_etcd_is_away() -> None:
    with (
        etcd.running(1) as cluster,
        tempfile.TemporaryDirectory(prefix="tf-journal-", dir=etcd.IN_MEMORY) as folder,
    ):
        path, place = Path(folder, "journal.db"), Place(cluster.urls, "/shop/journal")
        began = time.time()
        with closing(MovableJournal(path)) as journal:
            journal.move(place)
            journal.set("position", "1k")
        cluster.end()
        with closing(MovableJournal(path, stale=True, within=1.0)) as journal:
            assert journal.stale_since is None
            assert journal.facts() == {"position": "1k"}
            assert journal.stale_since is not None
            assert began < journal.stale_since < time.time()
            with pytest.raises(JournalError, match="did not answer a moment ago") as caught:
                journal.set("position", "100")
            assert "goes on serving" in (caught.value.changed or "")
        cluster.members[0].wipe()
        cluster.start()
        with closing(MovableJournal(path, within=2.0)) as journal:
            with pytest.raises(JournalError, match="lost"):
                journal.facts()
            journal.restore(place)
            assert journal.facts() == {"position": "1k"}
            journal.begin("up", STEPS)
            assert journal.epoch > 1000, "no epoch that was given is given again"
