"""A move between stages, made with a copy of everything beside the running app, and undone.

The copy has the data of the moment, the release that serves, addresses and a port of its own; then
it goes through the very plans of the real move, with requests on it, and back. Whatever becomes of
the command, nothing of the copy stays: somebody stands by who removes it if the command is killed,
and what a machine that went down has left, the next rehearsal or ``down`` removes.
"""

from __future__ import annotations

import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tenfold.deployment import work
from tenfold.deployment.cross import HOLD, Journey
from tenfold.deployment.deployment import POSITION, Deployment
from tenfold.deployment.external import require_own
from tenfold.deployment.rescue import standing_by
from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.admin import MAINTENANCE
from tenfold.engines.postgresql.checks import disk, max_wal_bytes
from tenfold.engines.postgresql.facts import Facts, gather
from tenfold.engines.postgresql.login import login
from tenfold.engines.postgresql.peers import address, database
from tenfold.engines.postgresql.render import COPY_SECONDS, server
from tenfold.errors import Refused, StepFailed
from tenfold.stages.path import stage_of
from tenfold.state import private as secrets
from tenfold.topology.process import Command
from tenfold.transitions import way
from tenfold.transitions.perform.serving import STORAGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenfold.deployment.intent import Intent
    from tenfold.state.layout import Layout
    from tenfold.transitions.runner import Listener

EVERY_SECONDS = 0.05
COPIES = 2
REMOVE = ("rehearse", "--remove-copies")
"""What whoever stands by does when the command is killed."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What was measured. Holds in seconds; ``longest_seconds`` is of one request, start to end."""

    to: str
    seconds: float
    there_seconds: float
    back_seconds: float
    requests: int
    failed: int
    longest_seconds: float


@dataclass
class Visitors:
    """Requests at a steady pace from beginning to end."""

    url: str
    requests: int = 0
    failed: int = 0
    longest_seconds: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Visitors:
        self._threads = [threading.Thread(target=self._visit, daemon=True) for _ in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _visit(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            began = time.monotonic()
            fine = _answers(self.url)
            self.requests += 1
            self.failed += not fine
            self.longest_seconds = max(self.longest_seconds, time.monotonic() - began)


def rehearse(
    deployment: Deployment, to: str, listener: Listener, tell: Callable[[str], None]
) -> Rehearsal:
    """Make the move on a copy, and back; nothing of the copy is left.

    Args:
        deployment: the real one, which runs and goes on running.
        to: the stage to go to.
        listener: hears of every step.
        tell: told what is going on between them.

    Raises:
        Refused: it does not run, or a move is under way.
        TenfoldError: a step failed; nothing is different for the real one.
    """
    if "1" in (to, stage_of(deployment.position)):
        raise Refused(
            "only moves of the database are rehearsed; between stage 1 and 10 there is none",
            next="tenfold grow --prepare-only    brings the app up beside the pages",
        )
    require_own(deployment, "a rehearsal")
    now = deployment.observe()
    if deployment.crossing is not None:
        raise Refused("a move between stages is under way already", next="tenfold status")
    if now.release is None or deployment.status().state == "stopped":
        raise Refused("only an app that runs can be copied", next="tenfold up -d")
    began = time.monotonic()
    remove_copies(deployment.layout, tell)
    layout = replace(deployment.layout, rehearsal=time.strftime("%Y-%m-%d-%H%M%S"))
    with standing_by(deployment.layout, REMOVE):
        try:
            copy = _copied(deployment, layout, now.release, listener, tell)
            there, back, visitors = _there_and_back(copy, to, listener, tell)
        finally:
            remove_copies(deployment.layout, tell)
    measured = Rehearsal(
        to=to,
        seconds=round(time.monotonic() - began, 3),
        there_seconds=round(there, 4),
        back_seconds=round(back, 4),
        requests=visitors.requests,
        failed=visitors.failed,
        longest_seconds=round(visitors.longest_seconds, 4),
    )
    if max(there, back):  # of a move on which nobody waits nothing is learned about those that do
        basis = f"a rehearsal on {time.strftime('%Y-%m-%d')}"
        deployment.journal.set(HOLD, {"seconds": max(there, back), "basis": basis})
    return measured


def _copied(
    deployment: Deployment,
    layout: Layout,
    release: str,
    listener: Listener,
    tell: Callable[[str], None],
) -> Deployment:
    """A second deployment of the same release with the same data, up on a port of its own."""
    layout.create()
    secrets.copy(deployment.layout.secrets, layout.secrets)
    secrets.copy(deployment.layout.app_secrets, layout.app_secrets)
    copy = Deployment.open(layout)
    copy.journal.set(POSITION, deployment.position)
    copy.journal.set("postgresql_major", deployment.facts().get("postgresql_major"))
    # The copy's app sees the same user files: they are neither copied nor taken over anew.
    copy.journal.set(STORAGE, deployment.facts().get(STORAGE, []))
    original = work.intend(deployment, release=release)
    intent = work.intend(copy, release=release, port=_free_port())
    _require_room(original, layout)
    tell("copies the database as it is now")
    _copy_database(original, intent)
    todo = work.plan(copy, "up", intent)
    work.carry_out(copy, todo, intent, listener)
    return Deployment.open(layout)


def _require_room(original: Intent, layout: Layout) -> None:
    led = original.leader
    who = login(led, original.blueprint.scene(led), "superuser", database=MAINTENANCE)
    require_room(gather(who), shutil.disk_usage(layout.state).free)


def require_room(facts: Facts, free_bytes: int) -> None:
    """See that the copies fit beside the real database, which must not meet a full disk because of
    a rehearsal: the copy's leader has the data once, and on its move there the other one once more.

    Raises:
        Refused: they do not.
    """
    found = disk(COPIES * facts.data_bytes, COPIES * max_wal_bytes(facts), free_bytes)
    if found.severity == "stop":
        raise Refused(
            f"there is no room for {COPIES} copies of the database beside it",
            detail=found.evidence,
            changed="nothing",
            next="make room on this disk",
        )


def _copy_database(original: Intent, copy: Intent) -> None:
    """A base backup of the leader, as the data of the copy's leader, which starts from it.

    Made as a follower's is, at the rate that the app's file allows.
    """
    led, unit = original.leader, copy.leader
    scene, of = copy.blueprint.scene(unit), original.blueprint.scene(led)
    agent = copy.target.ensure(copy.goal.topology.host(unit.host))
    agent.write(copy.blueprint.scripts(unit))
    host, port = address(of.wiring.endpoints[led.path])
    user = login(led, of, "replication").user
    source = f"host={host} port={port} user={user} passfile={of.place.config}/pgpass"
    data = server(unit, scene).data
    copied = orders.copy(
        scene,
        f"{data}.new",
        source,
        kilobytes_per_second=database(unit).copy_bytes_per_second // 1024,
        within_seconds=COPY_SECONDS,
    )
    for command in (
        Command(("mkdir", "-p", "-m", "0700", scene.place.data), cwd="/"),
        copied,
        Command(("mv", "-T", f"{data}.new", data), cwd="/"),
    ):
        finished = agent.run(command)
        if finished.code != 0:
            raise StepFailed(
                f"the database could not be copied: {command.argv[0]} exited {finished.code}",
                detail=finished.tail,
            )


def _there_and_back(
    copy: Deployment, to: str, listener: Listener, tell: Callable[[str], None]
) -> tuple[float, float, Visitors]:
    spec_path = work.intend(copy, release=copy.observe().release).spec.release.health_path
    holds: list[float] = []
    with Visitors(f"{copy.status().url}{spec_path}") as visitors:
        for command in ("grow", "reverse"):
            tell(f"{command}, with requests on it")
            walk = Journey(copy, listener)
            at, crossing = copy.position, copy.crossing
            if command == "grow":
                wanted = way.grow(at, crossing, to, now=time.time())
            else:
                wanted = way.reverse(at, crossing)
            walk.go(wanted)
            holds.append(max((h.seconds for h in walk.evidence.holds), default=0.0))
            copy = Deployment.open(copy.layout)
    return holds[0], holds[1], visitors


def remove_copies(layout: Layout, tell: Callable[[str], None]) -> None:
    """Stop and delete every copy that there is, however far it had come; that of a rehearsal that
    was killed with whoever stood by, too. The caller holds the lock: nobody rehearses.

    Raises:
        TenfoldError: a host of a copy does not stop, or its journal cannot be read.
    """
    if not layout.rehearsals.is_dir():
        return
    for folder in sorted(layout.rehearsals.iterdir()):
        tell("removes the copy")
        _remove(replace(layout, rehearsal=folder.name))
    layout.rehearsals.rmdir()


def _remove(layout: Layout) -> None:
    if layout.journal.exists():
        copy = Deployment.open(layout, stale=True)  # its journal may be in an etcd that is gone
        for host in copy.target.hosts():
            copy.target.destroy(host)
        copy.journal.close()
    shutil.rmtree(layout.state)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own edge
            return int(answer.status) < 500
    except urllib.error.HTTPError as error:
        with error:
            return error.code < 500
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
