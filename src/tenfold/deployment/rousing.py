"""Bringing back what a command has to ask before it can plan.

etcd where the journal is in it and nothing runs: after ``down``, or a restart of all machines. What
is started, and how, is what the journal's copy says; nothing else is begun from it. And the agents
of hosts that were lost while others serve.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from typing import TYPE_CHECKING

from tenfold.deployment import work
from tenfold.deployment.deployment import Deployment, require_own
from tenfold.deployment.journal import open_journal
from tenfold.errors import JournalError
from tenfold.interrupts import at_once
from tenfold.topology.model import Host
from tenfold.transitions.clustering import roused
from tenfold.transitions.perform import World, perform
from tenfold.transitions.steps import EnsureHost, Step, Together

if TYPE_CHECKING:
    from tenfold.deployment.intent import Intent
    from tenfold.state.layout import Layout
    from tenfold.transitions.runner import Listener

WITHIN_SECONDS = 60.0
AWAY_SECONDS = 4.0
"""For one that was silent a moment ago."""
AGAIN_SECONDS = 0.5

Telling = Callable[[], AbstractContextManager["Listener"]]


def opened(layout: Layout, telling: Telling) -> Deployment:
    """The deployment, with its journal there to be read.

    Args:
        layout: whose.
        telling: makes whoever is told what is started.

    Raises:
        JournalError: it is in etcd, which does not answer: no member of it is kept here, or all
            were started in vain.
        TenfoldError: one could not be started.
    """
    if layout.exists() and _is_away(layout) and not _rouse(layout, telling):
        with closing(open_journal(layout, within=AWAY_SECONDS)) as journal:
            journal.check()
    return Deployment.open(layout)


def bring_back(deployment: Deployment, intent: Intent, telling: Telling) -> None:
    """Have the agents of hosts run that are wanted, and were lost while others serve.

    They bring back what they had, which only then is seen: a plan from before would start beside
    it what there may be once.

    Raises:
        TargetError: one does not come up.
    """
    wanted = {host.name for host in intent.goal.topology.hosts}
    hosts = [host for host in deployment.observe(intent.target).hosts if host.name in wanted]
    lost = [host.name for host in hosts if host.agent != "running"]
    if not lost or len(lost) == len(hosts):
        return
    with telling() as listener:
        for name in lost:
            step, began = EnsureHost(name), time.monotonic()
            listener.started(step)
            intent.target.ensure(Host(name))
            listener.finished(step, time.monotonic() - began)


def _is_away(layout: Layout) -> bool:
    with closing(open_journal(layout, stale=True)) as journal:
        if journal.place is None:
            return False
        journal.facts()
        return journal.stale_since is not None


def _rouse(layout: Layout, telling: Telling) -> bool:
    """Whether there was something to start."""
    deployment = Deployment.open(layout, stale=True)
    with closing(deployment.journal), deployment.lock.hold("tenfold up"):
        require_own(deployment)
        now = deployment.observe(silent=True)
        goal = work.intend(deployment, release=now.release)
        todo = roused(deployment.observe(goal.target, silent=True), goal.goal)
        if not todo:  # it is another one's, or runs and has no leader or no data
            return False
        world = World(goal.blueprint, goal.target, deployment.journal, goal.releases)
        try:
            with telling() as listener:
                for step in todo:
                    _carry_out(step, world, listener)
        finally:
            world.renewals.close()
        _wait(deployment)
        return True


def _carry_out(step: Step, world: World, listener: Listener) -> None:
    if isinstance(step, Together):
        at_once([partial(_carry_out, one, world, listener) for one in step.steps])
        return
    began = time.monotonic()
    listener.started(step)
    try:
        perform(step, world, lambda text: listener.progress(step, text))
    except BaseException as error:
        listener.failed(step, error)
        raise
    listener.finished(step, time.monotonic() - began)


def _wait(deployment: Deployment) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        try:
            deployment.journal.check()
        except JournalError:
            if time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(AGAIN_SECONDS)
