"""``tenfold console``: a shell with the app in it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from tenfold import runtime
from tenfold.cli.base import Settings, command
from tenfold.cli.run import become
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.deployment.work import serving
from tenfold.errors import Refused
from tenfold.transitions.perform import one_off

_SOURCE = Path(runtime.__file__).with_name("console.py")
_START = "import sys; p = sys.argv[1]; exec(compile(open(p).read(), p, 'exec')); main(sys.argv[2])"


@command("console", json=False)
@click.option(
    "--as",
    "role",
    type=click.Choice(["app", "owner"]),
    default="app",
    help="The database role; app. The owner may change the schema.",
)
def console(settings: Settings, role: str) -> None:
    """A shell in the release that serves, with the app and its database at hand.

    manage.py shell for Django, flask shell for Flask; otherwise IPython, or else Python, with the
    app imported as "app". It runs as the app's user, with the app's environment variables. What
    comes from a pipe or a file is run as a script.

    \b
    tenfold console
    tenfold console < repair.py
    """
    deployment = Deployment.existing(settings.layout(), stale=True)
    intent = serving(deployment)
    release = intent.blueprint.release
    assert release is not None
    if intent.spec.app is None:
        raise Refused(
            "which app to import is not known: tenfold.toml has a command instead of app",
            next=f"tenfold run {Path(release.python).name}    starts Python in the release",
        )
    argv = [release.python, "-c", _START, str(_SOURCE), intent.spec.app]
    wanted = one_off(intent.blueprint, argv, owner=role == "owner")
    click.echo(_banner(deployment, intent), err=True)
    sys.stdout.flush()
    if os.geteuid() == 0:
        sys.exit(deployment.target.attended(wanted))
    become(settings, wanted)


def _banner(deployment: Deployment, intent: Intent) -> str:
    release = intent.blueprint.release
    assert release is not None
    account = deployment.target.account
    who = f" · as {account.name}" if account else ""
    return f"{intent.title} · stage {intent.goal.topology.stage} · release {release.id}{who}"
