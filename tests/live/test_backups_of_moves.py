"""Backups go on while the database moves: back to moments before, within and behind a move."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.support import backups
from tests.support.backups import at, kept, opened, standing, texts
from tests.support.project import Project

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.few(0)]
Bring = Callable[[Any], Project]


@dataclass(frozen=True)
class Note:
    """When it was sent and when it was acknowledged."""

    text: str
    sent: float
    acknowledged: float


class Writer:
    """Writes one note after the other and remembers when."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.notes: list[Note] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def require(self, found: list[str], moment: float) -> None:
        """What was acknowledged by then is there, and nothing that was sent later."""
        assert len(found) == len(set(found))
        missing = [n for n in self.notes if n.acknowledged < moment and n.text not in found]
        early = [n for n in self.notes if n.sent > moment and n.text in found]
        assert missing == [], f"{len(missing)} of {len(self.notes)} are missing at {moment}"
        assert early == [], f"{len(early)} are there that were sent after {moment}"

    def _work(self) -> None:
        number = 0
        while not self._over.wait(0.02):
            number += 1
            sent = time.time()
            answer = self.project.request("POST", "/notes", body=f"{number}".encode())
            if answer.status == 201:
                self.notes.append(Note(f"{number}", sent, time.time()))
            else:
                self.failures.append(f"{number}: {answer.status} {answer.text}")


def test_a_move_and_its_way_back_leave_no_gap(bring: Bring, workplace: Path) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    moments: dict[str, float] = {}
    with Writer(project) as writer:
        for command in (("grow", "--to", "100"), ("reverse",)):
            moments[f"before {command[0]}"] = time.time()
            began = time.time()
            project.ok(*command, timeout=300)
            moments[f"behind {command[0]}"] = time.time()
            moments[f"within {command[0]}"] = _longest_wait(writer.notes, began)
        time.sleep(1)  # a little more to be written behind the last moment
    assert writer.failures == []
    assert standing(project)["host"] == "vm1"
    backups.wait_until_recoverable(project, time.time(), within=180)
    for name, moment in moments.items():
        into = workplace / name.replace(" ", "-")
        project.ok("db", "restore", "--to", at(moment), "--into", str(into))
        with opened(into / "cluster") as session:
            writer.require(texts(session), moment)
    project.ok("db", "restore", "--into", str(workplace / "latest"))
    with opened(workplace / "latest" / "cluster") as session:
        assert texts(session) == [n.text for n in writer.notes]
    assert "brings everything back" in project.ok("db", "check", timeout=400)


def _longest_wait(notes: list[Note], since: float) -> float:
    """The middle of the longest time that a note took: of the hold."""
    later = [n for n in list(notes) if n.sent > since]
    held = max(later, key=lambda n: n.acknowledged - n.sent)
    return (held.sent + held.acknowledged) / 2


def test_the_other_host_has_the_whole_archive_when_the_first_is_gone(
    bring: Bring, workplace: Path
) -> None:
    project = bring(kept)
    project.up()
    backups.wait_for_first(project)
    with Writer(project) as writer:
        project.ok("grow", "--to", "100", timeout=300)
        project.ok("complete", "--yes", timeout=300)
        moment = time.time()
        time.sleep(1)  # a little more
    assert writer.failures == []
    assert standing(project)["host"] == "db1"
    backups.wait_until_recoverable(project, time.time(), within=180)
    into = workplace / "look"
    project.ok("db", "restore", "--to", at(moment), "--into", str(into))
    with opened(into / "cluster") as session:
        writer.require(texts(session), moment)
