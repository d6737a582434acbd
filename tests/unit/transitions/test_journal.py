from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tenfold.errors import JournalError
from tenfold.transitions.journal import SqliteJournal
from tenfold.transitions.journal.sqlite import EPOCHS_LOST
from tenfold.transitions.steps import EnsureHost, StopHost, to_json

STEPS = (to_json(EnsureHost("vm1")), to_json(StopHost("vm1")))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_transition_is_remembered_with_what_was_intended_and_done(path: Path) -> None:
    journal = SqliteJournal(path, now=lambda: 100.0)
    number = journal.begin("up", STEPS)
    journal.intend(number, 0)
    journal.done(number, 0)
    journal.intend(number, 1)
    record = SqliteJournal(path).last()
    assert record
    assert (record.kind, record.began, record.ended) == ("up", 100.0, None)
    assert (record.position, record.done) == (1, (0,))
    assert record.steps == STEPS


def test_an_ended_transition_says_how(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.end(journal.begin("up", STEPS), "backed-out", "it rained")
    record = journal.last()
    assert record
    assert (record.outcome, record.message) == ("backed-out", "it rained")
    assert record.ended is not None


def test_a_transition_that_was_cut_off_is_closed_by_the_next_one(path: Path) -> None:
    SqliteJournal(path).begin("deploy", STEPS)
    second = SqliteJournal(path)
    second.begin("up", STEPS)
    rows = second._db.execute("select outcome, message from transitions order by id").fetchall()
    assert rows[0] == ("failed", "interrupted")


def test_whoever_was_overtaken_can_no_longer_write(path: Path) -> None:
    old, new = SqliteJournal(path), SqliteJournal(path)
    number = old.begin("deploy", STEPS)
    new.begin("deploy", STEPS)
    with pytest.raises(JournalError, match="taken over"):
        old.intend(number, 0)
    with pytest.raises(JournalError, match="taken over"):
        old.set("served", ["r1"])


def test_a_journal_that_is_older_than_the_hosts_skips_what_may_have_been_given(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.begin("up", STEPS)
    assert journal.skip_epochs()
    other = SqliteJournal(path)
    other.begin("up", STEPS)
    assert other.epoch == 1 + EPOCHS_LOST + 1
    with pytest.raises(JournalError, match="taken over"):
        journal.skip_epochs()
    other.begin("up", STEPS)
    assert other.epoch == 1 + EPOCHS_LOST + 2


def test_the_end_of_a_commit_is_on_disk_too(path: Path) -> None:
    """What removes the rollback journal is the commit; only EXTRA (3) syncs its directory."""
    assert SqliteJournal(path)._db.execute("pragma synchronous").fetchone() == (3,)


def test_facts_survive_and_none_removes_them(path: Path) -> None:
    journal = SqliteJournal(path)
    journal.set("served", ["r1", "r2"])
    journal.set("port", 8000)
    journal.set("port", None)
    assert SqliteJournal(path).facts() == {"served": ["r1", "r2"]}


def test_steps_that_run_together_may_record_facts_from_their_threads(path: Path) -> None:
    journal = SqliteJournal(path)
    threads = [threading.Thread(target=journal.set, args=(f"k{i}", i)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(journal.facts()) == 20


def test_a_newer_journal_is_refused_with_what_to_do(path: Path) -> None:
    journal = SqliteJournal(path)
    journal._db.execute("update meta set value = '99' where key = 'format'")
    with pytest.raises(JournalError, match="format 99") as caught:
        SqliteJournal(path)
    assert "newer" in (caught.value.next or "")


def test_a_file_that_is_no_journal_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"these are my holiday photos" * 100)
    before = path.read_bytes()
    with pytest.raises(JournalError, match="cannot be used as the journal"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_the_journal_is_readable_by_its_owner_alone(path: Path) -> None:
    SqliteJournal(path)
    assert path.stat().st_mode & 0o077 == 0


def test_an_intention_survives_kill_dash_nine(path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tenfold.transitions.journal import SqliteJournal\n"
        "j = SqliteJournal(Path(sys.argv[1])); n = j.begin('up', ({'step': 'x'},))\n"
        "j.intend(n, 0); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    record = SqliteJournal(path).last()
    assert record
    assert record.position == 0
    assert record.done == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(JournalError, match="cannot be used as the journal"):
            SqliteJournal(tmp_path / "journal.db")
    finally:
        tmp_path.chmod(0o700)
