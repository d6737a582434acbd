"""``tenfold up``: run the app at its stage."""

from __future__ import annotations

import signal
import threading
from types import FrameType

import click

from tenfold.cli import unmended
from tenfold.cli.base import Settings, command
from tenfold.cli.first_answer import edge_address, first_answer
from tenfold.cli.output import Output
from tenfold.cli.preview import Preview, Watch
from tenfold.cli.progress import PlanProgress
from tenfold.cli.status import certificate_of, standing_lines, unit_rows
from tenfold.deployment import app_secrets, applied, external, rousing, work, zoned
from tenfold.deployment.deployment import RESTORED, Deployment
from tenfold.deployment.intent import Intent
from tenfold.errors import Interrupted, Refused
from tenfold.stages import STAGES, require_built
from tenfold.stages.path import WITHOUT_APP, stage_of

WAIT_FOR_OTHERS_SECONDS = 600.0
BLURBS = {
    "1": "published pages, as they will be found",
    "10": "one host, everything on it",
    "1k": "the app in two zones, a database that fails over by itself",
    "100": "the database on a host of its own",
}
_USUAL = "logs -f in another terminal · Ctrl-C stops everything, the data stays"
_FOREGROUND = {"1": "every change of the project is shown · Ctrl-C stops"}


@command("up")
@click.option(
    "--stage",
    type=click.Choice(STAGES),
    help="Default: the stage it is at; at first 10, and 1 without an app.",
)
@click.option("-d", "--detach", is_flag=True, help="Run in the background.")
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The edge's port; remembered. Default 8000."
)
@click.option("--last", is_flag=True, help="Bring the release that served last; build nothing.")
def up(settings: Settings, stage: str | None, detach: bool, port: int | None, last: bool) -> None:
    """Run the app at its stage: database, app and edge; at stage 1 its published pages.

    Brings the project's present state, or with --last what served before. In the foreground Ctrl-C
    stops everything; the data stays. After a crash, an interruption or a restart of the machine,
    the same command brings everything back.

    At stage 1 the pages are made as  export static  makes them, into dist/, and shown as  publish
    will publish them; in the foreground they are made anew whenever the project changes.

    \b
    tenfold up
    tenfold up --stage 1
    tenfold up -d --port 9000
    tenfold up -d --last
    """
    require_built(stage)
    output = settings.output
    try:
        deployment = rousing.opened(settings.layout(), lambda: PlanProgress(output))
    except KeyboardInterrupt as error:
        raise Interrupted("up") from error  # etcd may have been started
    with (
        work.until_begun(deployment, "up"),
        deployment.working("up", unmended.telling(output)),
    ):
        _refuse_second(deployment, port)
        deployment.require_settled()
        position = _position(deployment, stage)
        now = deployment.observe()
        served = now.release if position not in WITHOUT_APP else None
        if last and (served or now.pages) is None:
            raise Refused("no release has served yet", next="tenfold up")
        if not last:
            app_secrets.refresh(deployment.layout)
        intent = work.intend(
            deployment,
            port=port,
            release=served if last else None,
            position=position,
        )
        anew = position in WITHOUT_APP and not last
        intent = work.with_new_pages(deployment, intent, always=anew)
        if deployment.status().state != "stopped":
            external.require_same(deployment, intent)
        zoned.require_same(deployment, intent)
        intent = external.looked_at(deployment, intent)
        watch = None
        if position in WITHOUT_APP and not detach:  # before the pages are made
            watch = Watch(deployment.layout, intent.spec.static.output)
        _head(output, intent, served)
        rousing.bring_back(deployment, intent, lambda: PlanProgress(output))
        todo = work.plan(deployment, "up", intent)
        with PlanProgress(output) as progress:
            work.carry_out(deployment, todo, intent, progress)
        # Before the promise that Ctrl-C stops everything is printed, it holds.
        end = None if detach else _ended()
        try:
            _serve_note(deployment, output, detach)
        except KeyboardInterrupt as error:
            raise Interrupted(
                "up",
                changed="it runs; only its first answer was not waited for",
                next="tenfold status    looks\ntenfold down      stops it",
            ) from error
    if end is not None:
        _foreground(deployment, output, end, watch)


def _position(deployment: Deployment, stage: str | None) -> str:
    """Where the app is, or the stage at which it shall begin.

    Raises:
        Refused: it is at another stage already; moving is for ``grow``.
    """
    here = deployment.position
    if stage is None or stage == stage_of(here):
        return here
    facts = deployment.facts()
    if deployment.observe().served or facts.get(applied.FACT) or facts.get(RESTORED):
        verb = "grow" if STAGES.index(stage) > STAGES.index(stage_of(here)) else "shrink"
        raise Refused(
            f"it is at stage {stage_of(here)}",
            next=f"tenfold up, then  tenfold {verb} --to {stage}    moves it, with its data",
        )
    return stage


def _refuse_second(deployment: Deployment, port: int | None) -> None:
    """An app that runs as it should needs no second ``up``; one that does not is mended by it."""
    now = deployment.status()
    if now.state != "running":
        return
    if port is not None and now.url and not now.url.endswith(f":{port}"):
        raise Refused(
            f"{now.title} runs already, at {now.url}",
            next=f"tenfold down, then  tenfold up --port {port}",
        )
    raise Refused(
        f"{now.title} runs already, at {now.url}, with release {now.release}",
        next="tenfold deploy    brings the project's present state\n"
        "tenfold down      stops it\n"
        "tenfold status    looks",
    )


def _head(output: Output, intent: Intent, served: str | None) -> None:
    stage = stage_of(intent.position)
    output.line(f"{intent.title} · stage {stage} · {BLURBS[stage]}", style="bold")
    for note in intent.notes:
        output.line(f"  {note}", style="dim")
    if served not in (None, intent.goal.release):
        note = f"release {served} served last, the project is {intent.goal.release} now"
        output.line(f"  {note}; --last brings the former", style="dim")
    output.line()


def _serve_note(deployment: Deployment, output: Output, detach: bool) -> None:
    status = deployment.status()
    if output.json:
        output.event("up", status.to_json())
        return
    output.line()
    answer, fine = first_answer(status.url or "", at=edge_address(status))
    output.line(f"  {status.url}{' ' * 12}{answer}", style="bold" if fine else "yellow")
    output.line()
    output.columns(unit_rows(status))
    output.line()
    kept = certificate_of(deployment)
    if kept is not None:
        standing_lines("tls", kept, output)
        output.line()
    if status.stage == "1":
        output.line("Next   tenfold publish" + ("" if detach else "    in another terminal"))
    if not detach:
        output.line(_FOREGROUND.get(status.stage, _USUAL))


def _ended() -> threading.Event:
    """From now on Ctrl-C, SIGTERM and the terminal's end do no more than set this."""
    end = threading.Event()

    def _ask(signum: int, frame: FrameType | None) -> None:
        end.set()

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _ask)
    return end


def _foreground(
    deployment: Deployment, output: Output, end: threading.Event, watch: Watch | None
) -> None:
    """Wait for the end, then stop everything. What is watched is shown when it changes."""
    preview = None
    if watch is not None:
        preview = Preview(deployment, output, watch, WAIT_FOR_OTHERS_SECONDS)
    while not end.wait(2.0 if watch is None else watch.pause_seconds):
        if deployment.position not in WITHOUT_APP and preview is not None:
            output.line("it has grown: it goes on running, and this terminal is done")
            output.line("tenfold down    stops it")
            return
        if preview is not None:
            preview.look()
        if deployment.status().state == "stopped":  # somebody else's "tenfold down"
            output.line("stopped from elsewhere")
            return
    output.line()
    with (
        deployment.lock.hold("tenfold down", wait_seconds=WAIT_FOR_OTHERS_SECONDS),
        PlanProgress(output) as progress,
    ):
        deployment.down(progress)
