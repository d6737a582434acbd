"""``tenfold rollback``: back to a release that served before."""

from __future__ import annotations

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.deploy import require_running
from tenfold.cli.progress import PlanProgress
from tenfold.deployment import external, work
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused


@command("rollback")
@click.argument("release", required=False)
def rollback(settings: Settings, release: str | None) -> None:
    """Return to the last release that served, or to RELEASE. No request fails.

    Files and Python environment go back; the database schema never does.

    \b
    tenfold rollback
    tenfold rollback 4f2c1d9
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    with deployment.working("rollback"):
        deployment.require_settled()
        before = require_running(deployment)
        target = _choose(deployment, release)
        intent = work.intend(deployment, release=target, renew=True)
        external.require_same(deployment, intent)
        intent = external.looked_at(deployment, intent)
        for note in intent.notes:
            output.line(f"  {note}", style="dim")
        todo = work.plan(deployment, "rollback", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
    after = deployment.status()
    output.event("rollback", {"before": before, **after.to_json()})
    output.line()
    output.line(
        f"{after.title} · release {after.release} serves again at {after.url}", style="bold"
    )


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
