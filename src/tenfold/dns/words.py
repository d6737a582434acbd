"""The switch of a domain, described record by record, and in which order to do it. Pure."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from ipaddress import ip_address, ip_network
from typing import Final

from tenfold.dns import caa, compare, goals, hosts
from tenfold.dns.goals import Known
from tenfold.dns.model import Goal, Line, Seen, Switch, Visit, of_name
from tenfold.spec.edge import EdgeTable
from tenfold.spec.model import AppSpec
from tenfold.spec.publish import PublishTable

SHORT_TTL_SECONDS: Final = 300
HTTP, HTTPS = 80, 443
_INSIDE: Final = tuple(
    ip_network(text)
    for text in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
        "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
"""Where nobody outside can go: this machine, a network at home or of a provider, a link."""


def described(
    spec: AppSpec, seen: Sequence[Seen] = (), addresses: Sequence[str] = ()
) -> tuple[str, ...]:
    """The switch to this machine in lines of text, for the closing words of another command.

    Args:
        spec: the app's; without a domain there is nothing to switch, and no line.
        seen: what resolvers say now; with nothing, only what the records have to become.
        addresses: of the machine; none takes ``[edge] address`` if that is a public one.
    """
    if not goals.names(spec.edge):
        return ()
    return text(to_machine(spec, seen, addresses or goals.default_addresses(spec.edge)))


def to_machine(spec: AppSpec, seen: Sequence[Seen], addresses: Sequence[str]) -> Switch:
    """What has to become of the records for the site to be served by this machine.

    Args:
        spec: the app's, with a domain.
        seen: what resolvers say now.
        addresses: of the machine, without brackets; none where nobody said them.
    """
    edge, publish = spec.edge, spec.publish
    wanted = goals.machine(edge, addresses)
    lines = _lines(wanted, seen, publish)
    lines = (*caa.lines(edge, seen), *lines)
    notes = [f"nobody outside reaches {a}" for a in addresses if _is_inside(a)]
    if not addresses:
        notes.append(
            "which address this machine has is not known here: --to ADDRESS, or [edge] address"
        )
    notes += _notes(wanted, lines)
    problems = (*_problems(seen), *_elsewhere(wanted, seen, lines, addresses))
    advice = _order(spec, lines, seen, again(edge, addresses))
    return Switch(_title(edge, "this machine"), lines, tuple(notes), advice, problems)


def to_published(spec: AppSpec, seen: Sequence[Seen], known: Known) -> Switch:
    """What the records have to be for the published site, also on the way back to it.

    Args:
        spec: the app's, with a domain and ``[publish]``.
        seen: what resolvers say now.
        known: where the hosts of :func:`tenfold.dns.goals.hosts_to_look_up` lead.
    """
    assert spec.publish is not None
    zones = goals.zones_of(seen) if any(one.zone for one in seen) else None
    wanted = goals.published(spec.edge, spec.publish, zones, known)
    lines = _lines(wanted, seen, spec.publish)
    notes = tuple(_notes(wanted, lines))
    place = hosts.place(spec.publish)
    advice = _order_back(spec.publish, lines)
    return Switch(_title(spec.edge, place), lines, notes, advice, _problems(seen))


def unreached(
    edge: EdgeTable, seen: Sequence[Seen], visits: Sequence[Visit], *, unknown: str
) -> tuple[str, ...]:
    """Why the site is not reached yet although records may be right; nothing where it is.

    Args:
        edge: the table.
        seen: what resolvers say.
        visits: what answered, at every address of every name.
        unknown: why nothing can be told about answers; empty where it can.
    """
    told = [unknown] if unknown else []
    nowhere = (one for one in seen if not one.problem and not one.addresses)
    told += [f"{one.name} leads nowhere yet, says {one.server}" for one in nowhere]
    for visit in visits:
        at = f"{visit.url} at {visit.address}"
        if visit.status == 0:
            told.append(f"{at}: nobody answers ({visit.problem}){_port_words(edge, visit)}")
        elif visit.here and not visit.serves:
            told.append(
                f"{at}: this site's edge answers, but does not know the name: tenfold deploy"
            )
        elif visit.here is False:
            told.append(f"{at}: somebody else answers (status {visit.status})")
    return tuple(dict.fromkeys(told))


def text(switch: Switch) -> tuple[str, ...]:
    """A switch as lines that a terminal prints."""
    rows = [row(line) for line in switch.lines]
    widths = [max((len(cells[i]) for cells in rows), default=0) for i in range(5)]
    table = [
        "  " + "   ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        for cells in ((*r[:4], r[4]) for r in rows)
    ]
    told = [switch.title, *(line.rstrip() for line in table)]
    told += [f"  ! {note}" for note in (*switch.notes, *switch.problems)]
    if switch.advice:
        told += ["", "In this order"]
        told += [f"  {number}. {step}" for number, step in enumerate(switch.advice, 1)]
    return tuple(told)


def row(line: Line) -> tuple[str, str, str, str, str]:
    """Mark, kind, name, value, and what else there is to say of it."""
    ttl = "" if line.ttl_seconds is None else f"TTL {line.ttl_seconds}"
    more = ", ".join(filter(None, (ttl, line.whose, line.why)))
    return line.mark, line.kind, line.name, line.value, more


def span(seconds: int) -> str:
    """A time in one word and number."""
    for name, length in (("day", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length or (name != "day" and seconds >= length):
            count = -(-seconds // length)
            return f"{count} {name}{'s' if name == 'day' else ''}"
    return f"{seconds} s"


def readable(name: str) -> str:
    """A name with its letters, where it was written in those of ASCII instead."""
    if "xn--" not in name:
        return name
    try:
        plain = name.encode("ascii").decode("idna")
    except UnicodeError:
        return name
    return f"{name} ({plain})" if plain.isprintable() else name


def again(edge: EdgeTable, addresses: Sequence[str]) -> str:
    """The command that waits for it, with addresses that the file does not have."""
    same = tuple(addresses) == goals.default_addresses(edge)
    to = "" if same else "".join(f" --to {address}" for address in addresses)
    return f"tenfold dns{to} --wait"


def waiting_for(switch: Switch, unreached: Sequence[str]) -> str:
    """In one line, what it still hangs on."""
    gone = next((line for line in switch.lines if line.pending and line.mark != "+"), None)
    if gone is not None:
        return f"{gone.name} still has {gone.kind} {gone.value}"
    come = next((line for line in switch.lines if line.pending), None)
    if come is not None:
        return f"{come.name} has no {come.kind} {come.value} yet"
    return next(iter((*switch.problems, *unreached)), "nothing")


def _lines(
    wanted: Collection[Goal], seen: Sequence[Seen], publish: PublishTable | None
) -> tuple[Line, ...]:
    owner = functools.partial(hosts.whose, publish=publish)
    return tuple(line for goal in wanted for line in compare.lines(goal, seen, owner))


def _title(edge: EdgeTable, where: str) -> str:
    every = [readable(name) for name in goals.names(edge)]
    told = every[0] if len(every) == 1 else f"{', '.join(every[:-1])} and {every[-1]}"
    return f"{told} · to {where}"


def _problems(seen: Sequence[Seen]) -> tuple[str, ...]:
    told = (f"{one.name}: {one.server} {one.problem}" for one in seen if one.problem)
    return tuple(dict.fromkeys(told))


def _elsewhere(
    wanted: Collection[Goal], seen: Sequence[Seen], lines: Sequence[Line], addresses: Sequence[str]
) -> tuple[str, ...]:
    """Names whose records are right, but which lead elsewhere in the end all the same."""
    pending = {line.name for line in lines if line.pending}
    told = []
    for goal in wanted:
        for one in of_name(seen, goal.name) if goal.name not in pending and addresses else ():
            strange = sorted(set(one.addresses) - set(addresses))
            told += (
                [f"{goal.name} leads to {', '.join(strange)} at {one.server}"] if strange else []
            )
    return tuple(told)


def _is_inside(address: str) -> bool:
    found = ip_address(address)
    return any(found.version == net.version and found in net for net in _INSIDE)


def _notes(wanted: Collection[Goal], lines: Sequence[Line]) -> list[str]:
    """What else to know of the records that come."""
    coming = {line.name for line in lines if line.mark == "+" and line.pending}
    return [f"{goal.name}: {goal.note}" for goal in wanted if goal.note and goal.name in coming]


def _order(
    spec: AppSpec, lines: Sequence[Line], seen: Sequence[Seen], wait: str
) -> tuple[str, ...]:
    edge, publish = spec.edge, spec.publish
    if seen and not any(line.pending for line in lines):
        return ()
    longest = _longest(lines)
    steps = []
    if longest > SHORT_TTL_SECONDS:
        steps.append(
            f"set the TTL of what is there to {SHORT_TTL_SECONDS} s, and wait {span(longest)}: so"
            " long others may keep the present answer"
        )
    elif not seen:
        steps.append(
            f"set the TTL of what is there to {SHORT_TTL_SECONDS} s, and wait as long as it was"
        )
    steps += _ready(edge, publish)
    if any(line.kind == "CAA" for line in lines):
        steps.append("add the CAA record")
    if any(line.mark == "-" and line.kind == "CNAME" for line in lines):
        steps.append("change each name in one go; a CNAME has to be deleted before another record")
    else:
        steps.append("change the records, those that go (-) and those that come (+) in one go")
    absent = max((one.missing_seconds or 0 for one in seen if not one.problem), default=0)
    if absent and not longest:
        steps.append(f"wait: that there is nothing is remembered for up to {span(absent)}")
    steps.append(wait)
    keep = f"{span(max(longest, SHORT_TTL_SECONDS))} more" if seen else "as long as the TTL was"
    back = ""
    if publish is not None:
        back = (
            ", and for as long as you may want to go back: tenfold dns --published has its records"
        )
    steps.append(f"leave {hosts.place(publish)} as it is for {keep}{back}")
    return tuple(steps)


def _ready(edge: EdgeTable, publish: PublishTable | None) -> list[str]:
    """What has to be here before anybody is led here."""
    told = []
    if ip_address(edge.address).is_loopback:
        told.append(
            f'[edge] address = "0.0.0.0" (it is {edge.address}: nobody outside reaches the site)'
        )
    if edge.port != HTTP:
        told.append(f"have port {HTTP} lead to [edge] port {edge.port}, or make it {HTTP}")
    if edge.tls.mode == "off" and hosts.speaks_https(publish):
        told.append(
            f'[edge] tls = "auto": visitors of {hosts.place(publish)} come over https, and their'
            " links would fail"
        )
    if edge.tls.mode != "off" and edge.secure_port != HTTPS:
        told.append(f"have port {HTTPS} lead to [edge] https_port {edge.secure_port}")
    told.append("have the site run here, so that it answers before anybody is led here")
    if edge.tls.mode == "auto":
        told.append(
            "know that the certificate comes once the names lead here; until then browsers warn."
            " tenfold certificate --renew asks for it at once"
        )
    return told


def _order_back(publish: PublishTable, lines: Sequence[Line]) -> tuple[str, ...]:
    if not any(line.pending for line in lines):
        return ()
    longest = _longest(lines)
    steps = []
    if longest > SHORT_TTL_SECONDS:
        steps.append(f"set the TTL of what is there to {SHORT_TTL_SECONDS} s")
    steps.append("tenfold publish, so that what is there is what people shall see")
    if hosts.place(publish) in ("GitHub Pages", "Netlify"):
        steps.append(f"see that {hosts.place(publish)} has the domain in its settings")
    steps.append("change the records, those that go (-) and those that come (+) in one go")
    steps.append("tenfold dns --published --wait")
    keep = max(longest, SHORT_TTL_SECONDS)
    steps.append(f"leave the site running here for {span(keep)} more: so long others may come here")
    return tuple(steps)


def _longest(lines: Sequence[Line]) -> int:
    """For how long somebody may keep an answer that is to go; 0 where none is."""
    return max((line.ttl_seconds or 0 for line in lines if line.mark in "-?"), default=0)


def _port_words(edge: EdgeTable, visit: Visit) -> str:
    own, usual = (edge.secure_port, HTTPS) if visit.url.startswith("https") else (edge.port, HTTP)
    return "" if own == usual else f"; the edge listens at {own}, visitors come to {usual}"
