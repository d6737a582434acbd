"""``tenfold doctor``: what is wrong now, and what will be."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.doctor import catalogue
from tenfold.doctor.model import FORMAT, Check, Diagnosis, Finding, Unseen
from tenfold.errors import UsageError
from tenfold.state.layout import Layout

FAULTS = 1
SHOWN = 5
"""Places that are named for one finding; ``tenfold doctor ID`` names all."""
MARKS = {"fault": "✗", "later": "!", "advice": "·"}
COLOURS = {"fault": "red", "later": "yellow", "advice": "dim"}


@command("doctor")
@click.argument("check", required=False)
@click.option("--checks", "catalog", is_flag=True, help="Name all checks; look at nothing.")
@click.option("--offline", is_flag=True, help="Do not ask the package index.")
@click.option(
    "--bundle",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Also write a support bundle, .tar.gz, without secrets.",
)
def doctor(
    settings: Settings, check: str | None, catalog: bool, offline: bool, bundle: Path | None
) -> None:
    """What is wrong with machine, app and schema now, and what will be at the next stages.

    Changes nothing and starts nothing; works before the first up. Asks the package index whether
    there are newer versions of the engines, unless it is to be --offline. With a check's name, or a
    word of it, it explains that check and shows all that it found. Exits with 1 if something is
    wrong now, unless it was asked for a bundle and wrote it.

    \b
    tenfold doctor
    tenfold doctor app.sessions-in-memory
    tenfold doctor --bundle support.tar.gz
    """
    output = settings.output
    if catalog:
        _catalogue(output)
        return
    if check is not None and bundle is not None:
        raise UsageError("a bundle is about everything: leave out the check's name")
    chosen = catalogue.named(check) if check is not None else None
    from tenfold.doctor.diagnose import diagnose
    from tenfold.doctor.look import look  # half a second that --checks does not need

    if settings.environment is not None:
        settings.layout()  # refuses a name that the file does not know
    looked = look(settings.start, environment=settings.environment, offline=offline)
    found = diagnose(looked)
    if chosen is not None:
        _explain(chosen, found, output)
        return
    if bundle is not None:
        layout = Layout(looked.project.root, environment=settings.environment)
        _bundle(bundle, layout, found, output)
        return
    if settings.json:
        output.object(found.to_json())
    else:
        show(found, output)
    if found.faults:
        sys.exit(FAULTS)


def _bundle(path: Path, layout: Layout, found: Diagnosis, output: Output) -> None:
    from tenfold.doctor.bundle.write import write

    written = write(path, layout, found)
    if output.json:
        told = {"path": str(written.path), "files": written.files, "bytes": written.size_bytes}
        output.object({**found.to_json(), "bundle": told})
        return
    show(found, output)
    output.line()
    size = f"{written.files} files, {written.size_bytes / 1024:.0f} KiB"
    output.line(f"Wrote  {written.path}   ({size}; only you can read it)")
    output.line(f"Next   tar -xzf {written.path}    look at it before you send it")


def show(found: Diagnosis, output: Output) -> None:
    """Everything that was found: what is wrong now first."""
    title = " · ".join(filter(None, (found.app, f"stage {found.stage}", found.state)))
    output.line(title, style="bold")
    for name, group in _groups(found):
        output.line()
        output.line(name, style="bold")
        for finding in group:
            _finding(finding, output, most=SHOWN)
    _unseen(found.unseen, output)
    output.line()
    output.line(_summary(found))


def _groups(found: Diagnosis) -> Iterable[tuple[str, list[Finding]]]:
    stages = dict.fromkeys(f.stage for f in found.findings if f.severity == "later")
    names: dict[tuple[str, str | None], str] = {("fault", None): "Wrong now"}
    names |= {("later", stage): f"From stage {stage} on" for stage in stages}
    names |= {("advice", None): "Worth knowing"}
    for (severity, stage), name in names.items():
        group = [f for f in found.findings if (f.severity, f.stage) == (severity, stage)]
        if group:
            yield name, group


def _finding(finding: Finding, output: Output, *, most: int) -> None:
    mark = MARKS[finding.severity]
    output.line(f"  {mark} {finding.what:<58} {finding.check}", style=COLOURS[finding.severity])
    for place in finding.evidence[:most]:
        output.line(f"      {place}", style="dim")
    if len(finding.evidence) > most:
        output.line(f"      and {len(finding.evidence) - most} more", style="dim")
    for number, line in enumerate(finding.fix.splitlines()):
        output.line(f"    {'→' if number == 0 else ' '} {line}")


def _unseen(unseen: tuple[Unseen, ...], output: Output) -> None:
    if not unseen:
        return
    output.line()
    output.line("Not looked at", style="bold")
    for one in unseen:
        output.line(f"  {one.what}: {one.why}")
        for line in one.next.splitlines():
            output.line(f"    → {line}")


def _summary(found: Diagnosis) -> str:
    passed = f"{len(found.passed)} checks passed"
    if not found.findings:
        return f"Nothing found; {passed}"
    first = found.findings[0].check
    return f"{passed} · tenfold doctor {first}    explains it and names every place"


def _explain(one: Check[Any], found: Diagnosis, output: Output) -> None:
    seen = found.of(one.id)
    if output.json:
        told = {"format": FORMAT, **_described(one), "why": one.why, "looked": _looked(one, found)}
        matching = [f for f in found.to_json()["findings"] if f["check"] == one.id]
        output.object({**told, "findings": matching})
        return
    output.line(f"{one.id} · {one.title}", style="bold")
    output.line(f"bites: {one.bites}")
    for paragraph in one.why.split("\n\n"):
        output.line()
        output.line(paragraph)
    output.line()
    for finding in seen:
        _finding(finding, output, most=len(finding.evidence))
    if not seen:
        looked = _looked(one, found)
        output.line("Looked, and found nothing here." if looked else "Could not be looked at now.")
        if not looked:
            _unseen(found.unseen, output)


def _looked(one: Check[Any], found: Diagnosis) -> bool:
    return one.id in found.passed or bool(found.of(one.id))


def _described(one: Check[Any]) -> dict[str, str]:
    return {"id": one.id, "title": one.title, "bites": one.bites}


def _catalogue(output: Output) -> None:
    if output.json:
        output.object({"format": FORMAT, "checks": [_described(c) for c in catalogue.checks()]})
        return
    output.columns([(c.id, c.title, c.bites) for c in catalogue.checks()], indent=0)
