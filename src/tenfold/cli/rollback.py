"""``tenfold rollback``: back to a release that served before."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.deploy import require_running
from tenfold.cli.progress import PlanProgress
from tenfold.cli.publish import PublishProgress
from tenfold.deployment import external, rousing, work, zoned
from tenfold.deployment.aftermath import goes_back_to
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.exporting import put_into_dist
from tenfold.deployment.intent import Intent
from tenfold.errors import NothingEarlier, Refused
from tenfold.publishing.opening import put_back
from tenfold.release.pages import PageStore
from tenfold.stages.path import WITHOUT_APP
from tenfold.topology.observation import Observation
from tenfold.transitions.shown import HISTORY


@command("rollback")
@click.argument("release", required=False)
def rollback(settings: Settings, release: str | None) -> None:
    """Return to the last release that served, or to RELEASE. No request fails.

    Files and Python environment go back; the database schema never does. RELEASE may be a beginning
    that no other release has; one that was built and never served is refused. One that was cut off
    goes on when it is given again.

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
    with work.until_begun(deployment, "rollback"), deployment.working("rollback"):
        deployment.require_settled()
        before = require_running(deployment)
        begun = goes_back_to(deployment.journal.last())
        target = chosen(deployment.observe(), release, begun)
        if release is None and target == begun:
            output.line(f"  a rollback to {target} was cut off: it goes on", style="dim")
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
        there = PageStore(deployment.layout.pages).ids()
        history = [id for id in deployment.facts().get(HISTORY, []) if id in there]
        target = chosen_pages(history, before, wanted)
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


def chosen_pages(history: Sequence[str], shown: str | None, wanted: str | None) -> str | None:
    """Those that were shown last before the present ones, or that are `wanted`, as :func:`chosen`.

    Raises:
        Refused: none or several are named so; says which there are.
    """
    if wanted is None:
        earlier = [id for id in history if id != shown]
        return earlier[-1] if earlier else None
    newest_first = list(dict.fromkeys(reversed(history)))
    if wanted in newest_first:
        return wanted
    known = [id for id in newest_first if id.startswith(wanted)]
    if len(known) != 1:
        what = f"{len(known)} of them begin so" if known else "there are none of this name"
        raise Refused(
            f"no single making of the pages is named {wanted}: {what}",
            next=_to_name(known or newest_first),
        )
    return known[0]


def chosen(now: Observation, wanted: str | None, begun: str | None = None) -> str:
    """The release to return to: of those that served and are there, the one that is `wanted` by its
    id or by a beginning that no other has; without a name, the one to which going back was
    ``begun`` and cut off, else the last that served before.

    A clean commit's id is the beginning of those of dirty releases made from it, so the whole id
    goes first.

    Raises:
        Refused: there is none; says which there are.
    """
    served = tuple(dict.fromkeys(r for r in reversed(now.served) if r in now.built))
    earlier = [r for r in served if r != now.release]
    if wanted is None:
        if begun is not None and begun in now.built:
            return begun
        if not earlier:
            raise Refused(
                "there is no earlier release to return to",
                next="deploy at least once before rolling back",
            )
        return earlier[0]
    if wanted in served:
        return wanted
    known = [] if wanted in now.built else [r for r in served if r.startswith(wanted)]
    if len(known) == 1:
        return known[0]
    raise Refused(_unnamed(now, wanted, known), next=_to_name(known or earlier))


def _unnamed(now: Observation, wanted: str, known: Sequence[str]) -> str:
    """Why that is nothing to return to."""
    if known:
        return f"{len(known)} releases begin with {wanted}"
    if any(release.startswith(wanted) for release in now.built):
        return f"release {wanted} was built and never served"
    return f"no release {wanted} is kept that served before"


def _to_name(ids: Sequence[str]) -> str:
    if not ids:
        return "tenfold deploy    there is nothing earlier to return to"
    return "\n".join(f"tenfold rollback {id}" for id in ids)
