"""``tenfold deploy``: the next release, with no failed request."""

from __future__ import annotations

import json

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import app_secrets, external, rousing, shelf, work, zoned
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused
from tenfold.stages.path import WITHOUT_APP


@command("deploy")
@click.option(
    "--leave-behind", is_flag=True, help="Deploy although the app wrote files into its release."
)
def deploy(settings: Settings, leave_behind: bool) -> None:
    """Bring the project's present state into service. No request fails.

    Builds a release, runs its migrations once, warms new workers beside the old ones, hands the
    socket over, drains the old. A release that does not become healthy never serves: the old one
    goes on. Pages that are shown as files are made anew before the new workers take over.

    At stage 1 that is all there is: the pages are made anew, and shown.

    \b
    tenfold deploy
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    with work.until_begun(deployment, "deploy"), deployment.working("deploy"):
        deployment.require_settled()
        before = require_running(deployment)
        if before and not leave_behind:
            require_nothing_left_behind(deployment, before)
        app_secrets.refresh(deployment.layout)
        intent = work.with_new_pages(deployment, work.intend(deployment, renew=True))
        external.require_same(deployment, intent)
        zoned.require_same(deployment, intent)
        intent = external.looked_at(deployment, intent)
        for note in intent.notes:
            output.line(f"  {note}", style="dim")
        rousing.bring_back(deployment, intent, lambda: PlanProgress(output))
        todo = work.plan(deployment, "deploy", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
    after = deployment.status()
    output.event("deploy", {"before": before, **after.to_json()})
    output.line()
    if deployment.position in WITHOUT_APP:
        output.line(f"{after.title} · the pages of {after.pages} at {after.url}", style="bold")
        output.line("Next   tenfold publish")
        return
    served = f"{after.title} · release {after.release} serves at {after.url}"
    again = "  (the same release as before, with new workers)" if before == after.release else ""
    output.line(served + again, style="bold")
    output.line("Next   tenfold rollback    takes it back, without a failed request")


def require_nothing_left_behind(deployment: Deployment, release: str) -> None:
    """See that the app keeps nothing in a directory that the next release replaces.

    Raises:
        Refused: it does; names the files, and the setting that keeps them.
    """
    kept = deployment.spec().storage.dirs
    files = shelf.left_behind(deployment.layout, release, kept)
    if not files:
        return
    twice = [f for f in files if any(f.startswith(f"{directory}/") for directory in kept)]
    if twice:
        raise _kept_already(deployment, release, twice)
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    raise Refused(
        f"the app wrote into release {release}: {', '.join(files[:5])}{more}",
        detail="A deploy serves another directory, so the new release would not have these files.",
        changed=f"nothing for your users: release {release} serves",
        next=_way_out(files, shelf.folders(deployment.layout, release, files))
        + "copy what else is worth it out of"
        f" {deployment.layout.state}/releases/{release}/app, and\n"
        "tenfold deploy --leave-behind",
    )


def _way_out(files: tuple[str, ...], folders: tuple[str, ...]) -> str:
    """For files in folders the setting that keeps them, for others the database."""
    advice = ""
    if folders:
        advice = (
            f"user files:  [storage] dirs = {json.dumps(list(folders))}  in tenfold.toml, then\n"
            "tenfold deploy    takes them over and keeps them from then on\n"
        )
    if not all(f.startswith(tuple(f"{folder}/" for folder in folders)) for f in files):
        advice += "keep data in the database (DATABASE_URL) instead of files; then\n"
    return advice


def _kept_already(deployment: Deployment, release: str, files: list[str]) -> Refused:
    place = f"{deployment.layout.state}/releases/{release}/app"
    return Refused(
        f"the app wrote files into release {release} whose names are kept in [storage] dirs with"
        f" other content: {', '.join(files[:5])}",
        detail="Neither may replace the other, so the next release would not have these.",
        changed=f"nothing for your users: release {release} serves",
        next=f"copy those of {place}\n"
        f"under other names into {deployment.layout.storage}, then\n"
        "tenfold deploy --leave-behind",
    )


def require_running(deployment: Deployment) -> str | None:
    """The release that serves.

    Raises:
        Refused: nothing serves, so there is nothing to deploy beside.
    """
    now = deployment.status()
    if now.state == "stopped":
        raise Refused(f"{now.title} does not run", next="tenfold up    runs the present state")
    return now.release
