"""``tenfold deploy``: the next release, with no failed request."""

from __future__ import annotations

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import app_secrets, shelf, work
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused


@command("deploy")
@click.option(
    "--leave-behind", is_flag=True, help="Deploy although the app wrote files into its release."
)
def deploy(settings: Settings, leave_behind: bool) -> None:
    """Bring the project's present state into service. No request fails.

    Builds a release, runs its migrations once, warms new workers beside the old ones, hands the
    socket over, drains the old. A release that does not become healthy never serves: the old one
    goes on.

    \b
    tenfold deploy
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    with deployment.working("deploy"):
        deployment.require_settled()
        before = require_running(deployment)
        if before and not leave_behind:
            require_nothing_written(deployment, before)
        app_secrets.refresh(deployment.layout)
        intent = work.intend(deployment, renew=True)
        for note in intent.notes:
            output.line(f"  {note}", style="dim")
        todo = work.plan(deployment, "deploy", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
    after = deployment.status()
    output.event("deploy", {"before": before, **after.to_json()})
    output.line()
    served = f"{after.title} · release {after.release} serves at {after.url}"
    again = "  (the same release as before, with new workers)" if before == after.release else ""
    output.line(served + again, style="bold")
    output.line("Next   tenfold rollback    takes it back, without a failed request")


def require_nothing_written(deployment: Deployment, release: str) -> None:
    """See that the app keeps nothing in a directory that the next release replaces.

    Raises:
        Refused: it does; names the files.
    """
    files = shelf.written(deployment.layout, release)
    if not files:
        return
    more = f" and {len(files) - 5} more" if len(files) > 5 else ""
    raise Refused(
        f"the app wrote into release {release}: {', '.join(files[:5])}{more}",
        detail="A deploy serves another directory, so the new release would not have these files.",
        changed=f"nothing for your users: release {release} serves",
        next="keep data in the database (DATABASE_URL) instead of files; then\n"
        f"copy what is worth it out of {deployment.layout.state}/releases/{release}/app, and\n"
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
