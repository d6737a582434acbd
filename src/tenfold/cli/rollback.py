"""``tenfold rollback``: back to a release that served before."""

from __future__ import annotations

import os
import time
from dataclasses import replace

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.deploy import require_running
from tenfold.cli.progress import PlanProgress
from tenfold.cli.publish import PublishProgress
from tenfold.deployment import external, rousing, work, zoned
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.exporting import put_into_dist
from tenfold.deployment.intent import Intent
from tenfold.errors import NothingEarlier, Refused
from tenfold.publishing.opening import put_back
from tenfold.release.pages import PageStore
from tenfold.stages.path import WITHOUT_APP
from tenfold.transitions.shown import HISTORY


@command("rollback")
@click.argument("release", required=False)
def rollback(settings: Settings, release: str | None) -> None:
    """Return to the last release that served, or to RELEASE. No request fails.

    Files and Python environment go back; the database schema never does.

    At stage 1 the pages that were shown before are shown again, and the publication before is put
    back where [publish] says that there is one.

    \b
    tenfold rollback
    tenfold rollback 4f2c1d9
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    if deployment.position in WITHOUT_APP:
        rollback_pages(settings, deployment, release)
        return
    with deployment.working("rollback"):
        deployment.require_settled()
        before = require_running(deployment)
        target = _choose(deployment, release)
        intent = work.intend(deployment, release=target, renew=True)
        intent = pages_of(deployment, intent, target)
        external.require_same(deployment, intent)
        zoned.require_same(deployment, intent)
        intent = external.looked_at(deployment, intent)
        for note in intent.notes:
            output.line(f"  {note}", style="dim")
        rousing.bring_back(deployment, intent, lambda: PlanProgress(output))
        todo = work.plan(deployment, "rollback", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
    after = deployment.status()
    output.event("rollback", {"before": before, **after.to_json()})
    output.line()
    output.line(
        f"{after.title} · release {after.release} serves again at {after.url}", style="bold"
    )


def pages_of(deployment: Deployment, intent: Intent, release: str) -> Intent:
    """The intent with the release's own pages, made anew where they are not there any more."""
    if intent.goal.pages is None:
        return intent
    made = PageStore(deployment.layout.pages).made()
    of_it = [one.id for one in made if one.release == release]
    if not of_it:
        return work.with_new_pages(deployment, intent)
    return replace(intent, goal=replace(intent.goal, pages=of_it[-1]))


def rollback_pages(settings: Settings, deployment: Deployment, wanted: str | None) -> None:
    """Show the pages that were shown before, and put the publication before back.

    The publication goes first: it is what people see, and it can fail.
    """
    output = settings.output
    with deployment.working("rollback"):
        deployment.require_settled()
        require_running(deployment)
        before = deployment.observe().pages
        target = _choose_pages(deployment, wanted, before)
        put_back = _publication_back(settings, deployment) if wanted is None else None
        if target is None and put_back is None:
            raise Refused(
                "there are no earlier pages to return to",
                next="tenfold deploy    makes them anew",
            )
        if target is not None:
            intent = work.intend(deployment)
            intent = replace(intent, goal=replace(intent.goal, pages=target))
            todo = work.plan(deployment, "rollback", intent)
            with PlanProgress(output) as progress:
                work.carry_out(deployment, todo, intent, progress)
            put_into_dist(deployment.layout, target)
    after = deployment.status()
    output.event("rollback", {"before": before, "put_back": put_back, **after.to_json()})
    output.line()
    output.line(f"{after.title} · the pages of {after.pages} at {after.url}", style="bold")


def _publication_back(settings: Settings, deployment: Deployment) -> str | None:
    """Put the publication before back, where there is one; its id."""
    if deployment.spec().publish is None:
        return None
    began = time.monotonic()
    with PublishProgress(settings.output) as progress:
        try:
            chosen = put_back(deployment.layout, os.environ, progress)
        except NothingEarlier as nothing:  # the preview can go back all the same
            progress.pause()
            settings.output.line(f"  ! {nothing.what}", style="yellow")
            return None
        progress.done(f"{chosen.id} is published again", time.monotonic() - began)
    return chosen.id


def _choose_pages(deployment: Deployment, wanted: str | None, shown: str | None) -> str | None:
    """Those that were shown last before the present ones, as far as they are there."""
    there = PageStore(deployment.layout.pages).ids()
    history: list[str] = [id for id in deployment.facts().get(HISTORY, []) if id in there]
    if wanted is None:
        earlier = [id for id in history if id != shown]
        return earlier[-1] if earlier else None
    known = [id for id in history if id == wanted] or [
        id for id in history if id.startswith(wanted)
    ]
    if len(known) != 1:
        raise Refused(
            f"no single making of the pages is named {wanted}; there are: {', '.join(history)}"
        )
    return known[0]


def _choose(deployment: Deployment, wanted: str | None) -> str:
    now = deployment.observe()
    earlier = [r for r in now.served if r != now.release and r in now.built]
    if wanted is None:
        if not earlier:
            raise Refused(
                "there is no earlier release to return to",
                next="deploy at least once before rolling back",
            )
        return earlier[-1]
    known = [r for r in now.built if r.startswith(wanted)]
    if len(known) != 1:
        told = ", ".join(reversed(earlier)) or "none"
        raise Refused(f"no single release is named {wanted}; there are: {told}")
    return known[0]
