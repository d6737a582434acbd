"""One deployment goes from 10 to 100 and back, and somebody is killed at every point of the move.

By default at each on one of the two ways, as the seed has it; with ``--whole`` on both of them.

Mostly the command, which ``resume`` takes up from there; now and then, as the seed has it, an
agent, one of the two databases, the edge or the app. Two users write all the time: nothing of
theirs is lost, and no request fails but those that were with whoever was killed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from tests.support import apps
from tests.support.matrix import TO_100
from tests.support.moves import Bring, victims, wait_for_answers
from tests.support.project import Project
from tests.support.users import Users

pytestmark = [pytest.mark.live, pytest.mark.timeout(1200)]

BOTH = ("before", "after")
ONLY_THERE = {f"{step}.{when}" for step in ("StartUnit", "EnsureSlot") for when in BOTH}
"""The way back starts nobody, who led follows already; and its log is kept since the way there."""
FORWARD_ONLY = ("Promote.after", "Handover.", "Follow.")
"""Whoever stands by finishes the move from here on, so it is killed with the command."""
OTHERS_SHARE = 0.25
HALF = 0.5
COME_SECONDS = 300.0


def test_nothing_is_lost_whoever_is_killed_at_every_point(
    bring: Bring,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, str], None],
) -> None:
    chance = random.Random(int(request.config.getoption("--seed")))
    there, back = shared_out(chance, both=bool(request.config.getoption("--whole")))
    project = bring(apps.diary)
    project.up()
    with Users(project, 2) as users:
        ways = ((("grow", "--to", "100"), there), (("reverse",), back))
        for number, (arguments, points) in enumerate(ways):
            way = Way(project, users, chance, tmp_path / f"stopped.{number}", set(points))
            try:
                way.go(*arguments)
            finally:
                for point, victim in way.struck.items():
                    cell = (TO_100.name, point, victim, "resume", "struck")
                    record_property("matrix", "/".join(cell))
            missed = points - set(way.struck)
            assert not missed, f"{arguments} never came to {missed}"
            assert users.failures == [], way.struck
    users.require_nothing_lost()


def shared_out(chance: random.Random, *, both: bool) -> tuple[set[str], set[str]]:
    """The points of the way there and of the way back: every one on one of them, or on ``both``."""
    points = set(TO_100.points)
    if both:
        return points, points - ONLY_THERE
    there = ONLY_THERE | {point for point in TO_100.points if chance.random() < HALF}
    return there, points - there


@dataclass
class Way:
    """One move, at each of whose ``points`` somebody is killed: who, is in ``struck``."""

    project: Project
    users: Users
    chance: random.Random
    told: Path
    points: set[str]
    struck: dict[str, str] = field(default_factory=dict)
    deck: list[str] = field(default_factory=list)
    stops: int = 0
    stand_by: list[psutil.Process] = field(default_factory=list)
    harm: ExitStack = field(default_factory=ExitStack)

    def go(self, *arguments: str) -> None:
        """Make the move to its end, whoever is killed meanwhile."""
        growing = arguments[0] == "grow"
        tries = 2 * len(self.points) + 10
        while self._once(arguments, growing):
            arguments = ("resume",)
            tries -= 1
            assert tries, f"it does not come to its end: {self.struck}"
        wait_for_answers(self.users)
        self.harm.close()
        deadline = time.monotonic() + COME_SECONDS
        while (status := self.project.status())["state"] != "running":  # the killed come back
            assert time.monotonic() < deadline, status
            time.sleep(0.2)
        assert status["transition"]["state"] == "open", status

    def _once(self, arguments: tuple[str, ...], growing: bool) -> bool:
        """One command, until it is killed or ends; whether the move has yet to go on."""
        with self._command(arguments) as command:
            while (point := self._stopped(command)) is not None:
                self.points.discard(point)
                with suppress(psutil.NoSuchProcess):  # it stood still for too long, and was ended
                    self.stand_by = psutil.Process(command.pid).children()
                self.struck[point], pids = self._victim(growing)
                if self.struck[point] == "command":
                    self._kill(command)
                    break
                if self.struck[point] in TO_100.serve:
                    self.harm.enter_context(self.users.harmed_by(self.struck[point]))
                for pid in pids:
                    with suppress(ProcessLookupError):  # a worker that was about to leave
                        os.kill(pid, signal.SIGKILL)
                command.send_signal(signal.SIGCONT)
            code = command.wait()
        _, alive = psutil.wait_procs(self.stand_by, timeout=COME_SECONDS)
        assert not alive, f"whoever stood by is still at work: {alive}, {self.struck}"
        if code != -signal.SIGKILL or not self._is_forward_only():  # somebody lets requests go on
            wait_for_answers(self.users)
            self.harm.close()
        return code != 0

    def _is_forward_only(self) -> bool:
        """Whether the last point that was struck is one behind the promotion."""
        return next(reversed(self.struck), "").startswith(FORWARD_ONLY)

    @contextmanager
    def _command(self, arguments: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
        stops = {"TENFOLD_STOP_AT": ",".join(self.points), "TENFOLD_STOPPED_IN": str(self.told)}
        with self.told.with_suffix(".log").open("ab") as log:
            command = subprocess.Popen(
                [sys.executable, "-m", "tenfold", *arguments],
                cwd=self.project.path,
                env={**os.environ, **stops},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            yield command
        finally:
            command.kill()
            command.wait()

    def _stopped(self, command: subprocess.Popen[bytes]) -> str | None:
        """Where it stands, once it does; ``None`` when it has ended."""
        deadline = time.monotonic() + COME_SECONDS
        while command.poll() is None:
            assert time.monotonic() < deadline, f"it never came to any of {self.points}"
            with suppress(psutil.NoSuchProcess, FileNotFoundError):
                stops, state = self.told.read_text().split(), psutil.Process(command.pid).status()
                if len(stops) > self.stops and state == psutil.STATUS_STOPPED:
                    self.stops = len(stops)
                    return stops[-1]
            time.sleep(0.005)
        return None

    def _victim(self, growing: bool) -> tuple[str, list[int]]:
        """The command mostly; of the others one that is there to be killed."""
        if self.chance.random() > OTHERS_SHARE:
            return "command", []
        while True:
            if not self.deck:
                self.deck = [name for name in TO_100.victims if name != "command"]
                self.chance.shuffle(self.deck)
            victim = self.deck.pop()
            if pids := victims(self.project, victim, growing):
                return victim, pids

    def _kill(self, command: subprocess.Popen[bytes]) -> None:
        """The command; also whoever stands by, where that would pass what is yet to be struck."""
        if self._is_forward_only() and self.points:
            self.harm.enter_context(self.users.harmed_by("command and whoever stands by"))
            for process in self.stand_by:
                process.kill()
        command.kill()
