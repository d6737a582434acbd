"""``tenfold deploy``: the next release, with no failed request."""

from __future__ import annotations

from tenfold.cli.base import Settings, command
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import work
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused


@command("deploy")
def deploy(settings: Settings) -> None:
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
        before = require_running(deployment)
        intent = work.intend(deployment, renew=True)
        for note in intent.notes:
            output.line(f"  {note}", style="dim")
        todo = work.plan(deployment, "deploy", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
    after = deployment.status()
    output.event("deploy", {"before": before, **after.to_json()})
    output.line()
    served = f"{after.app} · release {after.release} serves at {after.url}"
    again = "  (the same release as before, with new workers)" if before == after.release else ""
    output.line(served + again, style="bold")
    output.line("Next   tenfold rollback    takes it back, without a failed request")


def require_running(deployment: Deployment) -> str | None:
    """The release that serves.

    Raises:
        Refused: nothing serves, so there is nothing to deploy beside.
    """
    now = deployment.status()
    if now.state == "stopped":
        raise Refused(f"{now.app} does not run", next="tenfold up    runs the present state")
    return now.release
