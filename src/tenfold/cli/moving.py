"""What the commands that move an app between stages share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tenfold.cli.base import Settings
from tenfold.cli.progress import PlanProgress
from tenfold.deployment.cross import journey
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.forecast import forecast, require_same
from tenfold.errors import Refused
from tenfold.transitions import way
from tenfold.transitions.way import Crossing

Decide = Callable[[str, Crossing | None], Crossing]

WAYS_ON = {
    "grow": "makes the switch",
    "shrink": "makes the switch",
    "resume": "goes on from here",
    "abort": "removes what was prepared",
    "reverse": "takes it back, as live as it was made",
    "complete": "removes the old copy, and with it the way back",
}


def move(
    settings: Settings,
    command: str,
    decide: Decide,
    *,
    running: bool = True,
    promised: Mapping[str, Any] | None = None,
    file: Path | None = None,
) -> None:
    """Decide where a command leads from here, and go there.

    Args:
        settings: of the command line.
        command: its name.
        decide: where it leads.
        running: whether it makes sense only for an app that runs.
        promised: the plan that was kept in ``file``; nothing else is done.
    """
    deployment = Deployment.existing(settings.layout())
    output = settings.output
    with deployment.working(command):
        if running and deployment.status().state == "stopped":
            raise Refused(f"{deployment.status().app} does not run", next="tenfold up")
        crossing = decide(deployment.position, deployment.crossing)
        began = time.time()
        if promised is not None and file is not None:
            now = forecast(deployment, crossing)
            require_same(promised, now.to_json(now.after.spec.name), file)
        output.event(command, {"from": deployment.position, "to": crossing.final})
        with PlanProgress(output) as progress, journey(deployment, progress) as walk:
            walk.go(crossing, promised=promised)
        evidence = walk.evidence
    deployment = Deployment.existing(settings.layout())
    after = deployment.status()
    longest = max((hold.seconds for hold in evidence.holds), default=None)
    output.event(
        "done",
        {
            "command": command,
            "position": deployment.position,
            "seconds": round(time.time() - began, 3),
            "held_seconds": None if longest is None else round(longest, 4),
            **after.to_json(),
        },
    )
    output.line()
    held = "" if longest is None else f" · requests waited for at most {longest * 1000:.0f} ms"
    output.line(f"{after.app} · stage {after.stage}{held}", style="bold")
    for index, choice in enumerate(way.choices(deployment.position, deployment.crossing)):
        label = "Next" if index == 0 else ""
        output.line(f"{label:<6} {called(choice, deployment.crossing):<20} {WAYS_ON[choice]}")


def called(choice: str, crossing: Crossing | None) -> str:
    """The command as it is typed."""
    to = f" --to {crossing.goal}" if crossing and choice in ("grow", "shrink") else ""
    return f"tenfold {choice}{to}"
