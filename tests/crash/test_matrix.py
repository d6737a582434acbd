"""kill -9 of everything that takes part in a move, at each of its points, while users write.

``make crash`` runs the whole matrix; ``make test`` strikes at every point of one deployment's way
there and back, in :mod:`tests.crash.test_every_point`. What was covered is printed at the end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest
from tests.support import apps
from tests.support.matrix import TO_100, Cell
from tests.support.moves import Bring, stopped_at, victims, wait_for_answers
from tests.support.project import Project
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(36_000), pytest.mark.few(0)]
PARTS = 6
SETTLE_SECONDS = 180.0
WAYS = {True: ("grow", "--to", "100"), False: ("reverse",)}


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_whoever_is_killed_at_whatever_point(
    part: int,
    bring: Bring,
    cells: Sequence[Cell],
    record_property: Callable[[str, str], None],
) -> None:
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        for cell in cells[part::PARTS]:
            outcome = strike(project, users, cell)
            told = (TO_100.name, cell.point, cell.victim, cell.then, outcome)
            record_property("matrix", "/".join(told))
            assert users.failures == [], cell
    users.require_nothing_lost()


def strike(project: Project, users: Users, cell: Cell) -> str:
    """Come to the point, kill, and settle; tells whether there was somebody to kill."""
    growing = project.status()["stage"] == "10"
    command = stopped_at(project, cell.point, *WAYS[growing])
    if command is None:  # a step that only the way there has
        growing = not growing
        command = stopped_at(project, cell.point, *WAYS[growing])
    assert command is not None, f"no move comes to {cell.point}"
    pids = [command.pid] if cell.victim == "command" else victims(project, cell.victim, growing)
    with users.harmed_by(cell.victim if cell.victim in TO_100.serve and pids else None):
        for pid in pids:
            with suppress(ProcessLookupError):  # a worker that was about to leave
                os.kill(pid, signal.SIGKILL)
        command.send_signal(signal.SIGCONT)
        command.wait(timeout=300)
        wait_for_answers(users)
    settle(project, cell)
    wait_for_answers(users)
    return "struck" if pids else "missed"


def settle(project: Project, cell: Cell) -> None:
    """Finish what was cut off, or give it up where that is still possible."""
    deadline = time.monotonic() + SETTLE_SECONDS
    command = cell.then
    while True:
        done = project.tenfold(command, timeout=250)
        if done.returncode == 0 or "nothing was cut off" in done.stderr:
            break
        assert time.monotonic() < deadline, f"{cell}\n{done.stdout}{done.stderr}"
        if "at work" not in done.stderr:
            command = "resume"
        time.sleep(0.2)
    while (status := project.status())["state"] != "running":  # whoever was killed comes back
        assert time.monotonic() < deadline, status
        time.sleep(0.2)
    assert (status["transition"] or {}).get("state") != "interrupted", status
