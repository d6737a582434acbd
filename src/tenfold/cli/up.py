"""``tenfold up``: run the app at its stage."""

from __future__ import annotations

import signal
import threading
import time
import urllib.error
import urllib.request
from types import FrameType

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.cli.progress import PlanProgress
from tenfold.cli.status import unit_rows
from tenfold.deployment import work
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.intent import Intent
from tenfold.errors import Refused
from tenfold.stages import STAGES, require_built

WAIT_FOR_OTHERS_SECONDS = 600.0
BLURBS = {"10": "one host, everything on it"}


@command("up")
@click.option("--stage", type=click.Choice(STAGES), help="Default: the stage it is at, or 10.")
@click.option("-d", "--detach", is_flag=True, help="Run in the background.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The edge's port; remembered. Default 8000."
)
def up(settings: Settings, stage: str | None, detach: bool, port: int | None) -> None:
    """Run the app at its stage: database, app and edge.

    In the foreground Ctrl-C stops everything; the data stays. After a crash, an interruption or
    a restart of the machine, the same command brings everything back.

    \b
    tenfold up
    tenfold up -d --port 9000
    """
    require_built(stage)
    deployment = Deployment.open(settings.layout())
    output = settings.output
    with deployment.working("up"):
        _refuse_second(deployment, port)
        intent = work.intend(deployment, port=port)
        _head(output, intent)
        todo = work.plan(deployment, "up", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
        _serve_note(deployment, output, detach)
    if not detach:
        _foreground(deployment, output)


def _refuse_second(deployment: Deployment, port: int | None) -> None:
    """An app that runs as it should needs no second ``up``; one that does not is mended by it."""
    now = deployment.status()
    if now.state != "running":
        return
    if port is not None and now.url and not now.url.endswith(f":{port}"):
        raise Refused(
            f"{now.app} runs already, at {now.url}",
            next=f"tenfold down, then  tenfold up --port {port}",
        )
    raise Refused(
        f"{now.app} runs already, at {now.url}, with release {now.release}",
        next="tenfold deploy    brings the project's present state\n"
        "tenfold down      stops it\n"
        "tenfold status    looks",
    )


def _head(output: Output, intent: Intent) -> None:
    stage = intent.goal.topology.stage
    output.line(f"{intent.spec.name} · stage {stage} · {BLURBS[stage]}", style="bold")
    for note in intent.notes:
        output.line(f"  {note}", style="dim")
    output.line()


def _serve_note(deployment: Deployment, output: Output, detach: bool) -> None:
    status = deployment.status()
    if output.json:
        output.event("up", status.to_json())
        return
    output.line()
    output.line(f"  {status.url}{' ' * 12}{first_answer(status.url or '')}", style="bold")
    output.line()
    output.columns(unit_rows(status))
    output.line()
    if not detach:
        output.line("logs -f in another terminal · Ctrl-C stops everything, the data stays")


def first_answer(url: str) -> str:
    """One real request through the edge, timed; a hint, not a check."""
    began = time.perf_counter()
    try:
        with urllib.request.urlopen(f"{url}/", timeout=10) as answer:  # noqa: S310
            code = answer.status
    except urllib.error.HTTPError as error:
        code = error.code
    except OSError as error:
        return f"no answer yet: {error}"
    return f"first answer {code} in {(time.perf_counter() - began) * 1000:.0f} ms"


def _foreground(deployment: Deployment, output: Output) -> None:
    """Wait for Ctrl-C, SIGTERM or the terminal's end, then stop everything."""
    stop = threading.Event()

    def _ask(signum: int, frame: FrameType | None) -> None:
        stop.set()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _ask)
    while not stop.wait(2.0):
        if deployment.status().state == "stopped":  # somebody else's "tenfold down"
            output.line("stopped from elsewhere")
            return
    output.line()
    with (
        deployment.lock.hold("tenfold down", wait_seconds=WAIT_FOR_OTHERS_SECONDS),
        PlanProgress(output) as progress,
    ):
        deployment.down(progress)
