"""``tenfold logs``: what the units say."""

from __future__ import annotations

from collections.abc import Iterable

import click
from rich.text import Text

from tenfold.cli.base import Settings, command
from tenfold.cli.output import Output
from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused
from tenfold.topology.observation import ObservedHost

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
        agent = deployment.target.reach(host)
        if agent is None:
            raise Refused(
                f"host {host} does not run",
                next="tenfold up"
                f"\nor read the files in {deployment.layout.state}/hosts/{host}/logs",
            )
        wanted = _wanted(agent.observe(), units)
        _print(settings.output, agent.logs(wanted, lines=lines, follow=follow))


def _wanted(host: ObservedHost, named: tuple[str, ...]) -> tuple[str, ...]:
    """Units by name or by pool; all of them if none is named.

    Raises:
        Refused: no unit and no pool has such a name.
    """
    known = {unit.name for unit in host.units} | {u.pool for u in host.units if u.pool}
    for name in named:
        if name not in known:
            raise Refused(f"there is no unit {name}", next=f"one of: {', '.join(sorted(known))}")
    return tuple(u.name for u in host.units if not named or {u.name, u.pool} & set(named))


def _print(output: Output, pairs: Iterable[tuple[str, str]]) -> None:
    width = 0
    colours: dict[str, str] = {}
    for unit, line in pairs:
        if output.json:
            output.object({"unit": unit, "line": line})
            continue
        width = max(width, len(unit))
        colour = colours.setdefault(unit, COLOURS[len(colours) % len(COLOURS)])
        output.console.print(Text(unit.ljust(width), style=colour) + Text(f"  {line}"))
