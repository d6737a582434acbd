"""``tenfold dns``: where the site's names lead, and what their records have to become."""

from __future__ import annotations

import ipaddress
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from tenfold.cli.base import CHANGES_PENDING, Settings, command
from tenfold.cli.live_line import LiveLine
from tenfold.cli.output import Output
from tenfold.dns import caa, goals, hosts, words
from tenfold.dns.model import Seen, Switch, Visit
from tenfold.errors import Refused, UsageError
from tenfold.spec import read

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.deployment.edge_receipts import Receipts
    from tenfold.dns.lookup import Server
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

WAIT_SECONDS: Final = 900
MOST_SECONDS: Final = 86_400
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
MOST_ADDRESSES: Final = 8
"""So many addresses of a name are asked where nobody said which are this machine's."""
NOT_HERE: Final = (
    "whether this site answers cannot be told: it does not run in this folder."
    " --records-only leaves that out"
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for, of which site."""

    spec: AppSpec
    deployment: Deployment | None
    servers: tuple[Server, ...]
    addresses: tuple[str, ...]
    published: bool
    records_only: bool


@dataclass(frozen=True, slots=True)
class Found:
    """How it stands at one moment."""

    seen: tuple[Seen, ...]
    switch: Switch
    visits: tuple[Visit, ...]
    unreached: tuple[str, ...]

    @property
    def done(self) -> bool:
        """Whether everything leads where it shall."""
        return not self.switch.pending and not self.unreached


@command("dns")
@click.option(
    "--to",
    "given",
    metavar="ADDRESS",
    multiple=True,
    help="The address of this machine, IPv4 or IPv6; several times for several.",
)
@click.option(
    "--server",
    "named",
    metavar="ADDRESS[:PORT]",
    multiple=True,
    help="Ask this resolver; several times for several. Default: those of the system.",
)
@click.option("--published", is_flag=True, help="The records of the published site: the way back.")
@click.option("--records-only", is_flag=True, help="Do not look who answers at the addresses.")
@click.option(
    "--wait",
    "wait_seconds",
    metavar="[SECONDS]",
    type=click.IntRange(1, MOST_SECONDS),
    is_flag=False,
    flag_value=WAIT_SECONDS,
    help=f"Ask again until it has happened, for so long; {WAIT_SECONDS} without a number.",
)
def dns(
    settings: Settings,
    given: tuple[str, ...],
    named: tuple[str, ...],
    published: bool,
    records_only: bool,
    wait_seconds: int | None,
) -> None:
    """Describe, record by record, how the domain comes to lead here, and see whether it does.

    Every name of [edge] is looked up at every resolver. What is there is shown with whose it is,
    what goes (-), what comes (+), and in which order. Then every address is asked whether this
    site's edge answers there. Where several zones serve, the names lead to the edge of each.
    Nothing is changed: the records are where you bought the domain.

    Exit code 0: everything leads here; 2: something is still to be done.

    \b
    tenfold dns --to 203.0.113.7
    tenfold dns --to 203.0.113.7 --to 2001:db8::7 --wait
    tenfold dns --server 192.0.2.53 --server 192.0.2.54
    tenfold dns --published
    tenfold dns --json | jq .done
    """
    task = _task(settings, given, named, published, records_only)
    found = _waited_for(task, settings.output, wait_seconds)
    _show(found, task, settings.output)
    if not found.done:
        sys.exit(CHANGES_PENDING)


def _task(
    settings: Settings,
    given: Sequence[str],
    named: Sequence[str],
    published: bool,
    records_only: bool,
) -> Task:
    layout = settings.layout()
    spec = read.load(layout.spec, environment=layout.environment)
    if not goals.names(spec.edge):
        raise UsageError(
            "tenfold.toml does not say what the site is called: [edge] has no domain",
            next='write  [edge]  and  domain = "example.org"; tenfold docs edge tells more',
        )
    if published and spec.publish is None:
        raise UsageError(
            "tenfold.toml does not say where the site is published: there is no [publish]",
            next="leave --published out; tenfold docs publish shows how it is written",
        )
    if published and given:
        raise UsageError("--to and --published exclude each other")
    from tenfold.dns import lookup  # dnspython, which no other command needs

    addresses = tuple(dict.fromkeys(map(_address, given)))
    servers = tuple(dict.fromkeys(map(lookup.parsed, named))) or lookup.system()
    addresses = addresses or _of_edges(layout) or goals.default_addresses(spec.edge)
    records_only = records_only or published
    deployment = None if records_only else _deployment(layout)
    return Task(spec, deployment, servers, addresses, published, records_only)


def _of_edges(layout: Layout) -> tuple[str, ...]:
    """Where the edges listen, if there are several: one name leads to all of them."""
    if not layout.exists():
        return ()
    from tenfold.cli.edges import addresses
    from tenfold.deployment.deployment import Deployment

    return addresses(Deployment.open(layout, stale=True))


def _deployment(layout: Layout) -> Deployment | None:
    if not layout.exists():
        return None
    from tenfold.deployment.deployment import Deployment

    return Deployment.open(layout)


def _address(text: str) -> str:
    try:
        found = ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
        if found.is_unspecified or found.is_multicast or getattr(found, "scope_id", None):
            raise ValueError(text)
    except ValueError:
        raise UsageError(
            f"--to {text!r}: that is no address of a machine", next="--to 203.0.113.7"
        ) from None
    return str(found)


def _waited_for(task: Task, output: Output, wait_seconds: int | None) -> Found:
    """How it stands, once it has happened or the time is over."""
    began = time.monotonic()
    pause = FIRST_PAUSE_SECONDS
    with LiveLine(output) as line:
        while True:
            found = _looked(task)
            left = began + (wait_seconds or 0) - time.monotonic()
            if found.done or left <= 0:
                break
            line.doing(f"waiting: {words.waiting_for(found.switch, found.unreached)}")
            time.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    if wait_seconds is None and all(one.problem for one in found.seen):
        servers = " and ".join(map(str, task.servers))
        raise Refused(
            f"no resolver says anything: {servers} {found.seen[0].problem}",
            next="tenfold dns --server ADDRESS",
        )
    return found


def _looked(task: Task) -> Found:
    from tenfold.dns import lookup

    spec = task.spec
    names = goals.names(spec.edge)
    seen = lookup.look(names, task.servers, caa=bool(caa.issuer(spec.edge)) and not task.published)
    if task.published:
        assert spec.publish is not None
        known = lookup.addresses(goals.hosts_to_look_up(spec.publish), task.servers)
        return Found(seen, words.to_published(spec, seen, known), (), ())
    visits, unknown = ((), "") if task.records_only else _visited(task, seen)
    verified = _verified(visits)
    addresses = task.addresses or verified
    switch = words.to_machine(spec, seen, addresses)
    return Found(seen, switch, visits, words.unreached(spec.edge, seen, visits, unknown=unknown))


def _verified(visits: Sequence[Visit]) -> tuple[str, ...]:
    """Addresses at which this site's edge is known to answer."""
    return tuple(dict.fromkeys(visit.address for visit in visits if visit.here))


def _visited(task: Task, seen: Sequence[Seen]) -> tuple[tuple[Visit, ...], str]:
    """Who answers at every address of every name, and why that cannot be told."""
    from tenfold.dns import visits

    schemes = ("http",) if task.spec.edge.tls.mode == "off" else ("http", "https")
    calls = [
        visits.Call(name, address, scheme, f"tenfold-dns-{secrets.token_hex(16)}")
        for name, address in _places(task, seen)
        for scheme in schemes
    ]
    receipts = _receipts(task.deployment)
    answers = visits.make(calls)
    sent = [answer.call.id for answer in answers if answer.status]
    came = receipts.among(sent) if receipts is not None else None
    made = tuple(
        Visit(
            answer.call.name,
            answer.call.address,
            answer.call.url,
            None if came is None else answer.call.id in came,
            answer.status,
            answer.problem,
            answer.trusted,
        )
        for answer in answers
    )
    return made, NOT_HERE if receipts is None else ""


def _places(task: Task, seen: Sequence[Seen]) -> tuple[tuple[str, str], ...]:
    """Every name at every address that it shall have; where nobody said which, that it has.

    So it is known before anybody is led here whether the site answers here.
    """
    if task.addresses:
        names = goals.names(task.spec.edge)
        return tuple((name, address) for name in names for address in task.addresses)
    pairs = ((one.name, a) for one in seen for a in one.addresses[:MOST_ADDRESSES])
    return tuple(dict.fromkeys(p for p in pairs if not hosts.whose(p[1], task.spec.publish)))


def _receipts(deployment: Deployment | None) -> Receipts | None:
    if deployment is None:
        return None
    from tenfold.deployment.edge_receipts import Receipts

    return Receipts.of(deployment)


def _show(found: Found, task: Task, output: Output) -> None:
    if output.json:
        output.event("dns", _json(found, task))
        return
    title, *lines = words.text(found.switch)
    output.line(title, style="bold")
    for line in lines:
        output.line(line)
    for problem in found.unreached:
        output.line(f"  ! {problem}", style="yellow")
    _show_certificates(found, output)
    output.line()
    if found.done:
        where = "the published site" if task.published else "here"
        what = "the records lead" if task.records_only else "everything leads"
        output.line(f"{what} {where}, says {' and '.join(map(str, task.servers))}")
    else:
        back = "tenfold dns --published --wait"
        next_ = back if task.published else words.again(task.spec.edge, task.addresses)
        output.line(f"Next   {next_}")


def _show_certificates(found: Found, output: Output) -> None:
    names = dict.fromkeys(v.name for v in found.visits if v.here and v.trusted is False)
    if names:
        output.line(
            f"  ! browsers do not trust the certificate of {' and '.join(names)} yet:"
            " tenfold certificate",
            style="yellow",
        )


def _json(found: Found, task: Task) -> dict[str, Any]:
    return {
        "done": found.done,
        "to": "published" if task.published else "machine",
        "names": list(goals.names(task.spec.edge)),
        "addresses": list(task.addresses),
        "servers": [str(server) for server in task.servers],
        "records": [asdict(line) for line in found.switch.lines],
        "seen": [
            {
                "server": one.server,
                "name": one.name,
                "addresses": list(one.addresses),
                "zone": one.zone,
                "problem": one.problem or None,
            }
            for one in found.seen
        ],
        "visits": [asdict(visit) for visit in found.visits],
        "notes": list(found.switch.notes),
        "problems": [*found.switch.problems, *found.unreached],
        "advice": list(found.switch.advice),
    }
