"""``tenfold logs``: what the units say."""

from __future__ import annotations

from collections.abc import Iterable

import click
from rich.text import Text

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused

COLOURS = ("cyan", "green", "magenta", "yellow", "blue")


@command("logs")
@click.argument("units", nargs=-1)
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=50, help="Lines per unit; 50.")
def logs(settings: Settings, units: tuple[str, ...], follow: bool, lines: int) -> None:
    """The last lines of every unit, or of the named ones.

    \b
    tenfold logs
    tenfold logs -f app edge
    tenfold logs -n 200 postgres
    """
    deployment = Deployment.existing(settings.layout())
    for host in deployment.target.hosts():
        pairs = deployment.target.logs(host, units, lines=lines, follow=follow)
        if not _print(settings.output, pairs) and units:
            raise Refused(
                f"{' and '.join(units)} said nothing, or there is no such unit",
                next="tenfold status    names the units",
            )


def _print(output: Output, pairs: Iterable[tuple[str, str]]) -> int:
    """Print what comes; gives how many lines there were."""
    width = count = 0
    colours: dict[str, str] = {}
    for count, (unit, line) in enumerate(pairs, 1):  # noqa: B007 - the last count is the answer
        if output.json:
            output.object({"unit": unit, "line": line})
            continue
        if output.closed:
            break
        width = max(width, len(unit))
        colour = colours.setdefault(unit, COLOURS[len(colours) % len(COLOURS)])
        output.line(Text(unit.ljust(width), style=colour) + Text(f"  {line}"))
    return count
