"""What the records have to be: for this machine, and for the published site. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Final

from tenfold.dns import hosts
from tenfold.dns.model import Goal, Kind, Seen, Wanted
from tenfold.spec.edge import EdgeTable
from tenfold.spec.names import twin
from tenfold.spec.publish import GITHUB, PublishTable

THIS_MACHINE: Final = "<the address of this machine>"
Known = Mapping[str, Collection[str]]
"""Host -> where it leads now."""


def names(edge: EdgeTable) -> tuple[str, ...]:
    """Every name that has to lead to the site, its own first."""
    own = edge.own_names
    twins = () if edge.www == "ignore" else tuple(map(twin, own))
    return tuple(dict.fromkeys((*own, *twins)))


def default_addresses(edge: EdgeTable) -> tuple[str, ...]:
    """The machine's address where ``[edge] address`` is a public one."""
    return (edge.address,) if ip_address(edge.address).is_global else ()


def kind_of(address: str) -> Kind:
    """``A`` or ``AAAA``."""
    return "AAAA" if ip_address(address).version == 6 else "A"


def machine(edge: EdgeTable, addresses: Sequence[str]) -> tuple[Goal, ...]:
    """Every name leads to these addresses, or to a machine whose addresses nobody has said."""
    wanted = tuple(Wanted(kind_of(address), address) for address in addresses)
    every = names(edge)
    made = [
        Goal(
            name,
            wanted or (Wanted("A", THIS_MACHINE, open=True),),
            follows=frozenset(every) - {name},
            note="" if name in edge.own_names else f"or one CNAME to {twin(name)} instead",
        )
        for name in every
    ]
    return tuple(made)


def published(
    edge: EdgeTable, publish: PublishTable, zones: Collection[str] | None, known: Known
) -> tuple[Goal, ...]:
    """Every name leads to the published site, as its host documents it.

    Args:
        edge: has the names.
        publish: has the place.
        zones: names that are zones of their own, where no CNAME can stand; ``None`` where that was
            not looked up: then a name of two labels is taken for one.
        known: where the hosts of :func:`hosts_to_look_up` lead.
    """

    def one(name: str) -> Goal:
        apex = name.count(".") < 2 if zones is None else name in zones
        if publish.to.startswith(GITHUB):
            return _github(name, publish, apex, known)
        return _OF[publish.kind](name, publish, apex, known)

    return tuple(map(one, names(edge)))


def zones_of(seen: Sequence[Seen]) -> frozenset[str]:
    """Names that resolvers say are zones of their own."""
    return frozenset(one.name for one in seen if one.zone == one.name)


def hosts_to_look_up(publish: PublishTable) -> tuple[str, ...]:
    """Whose addresses have to be known to tell whether a name leads to the published site."""
    if publish.to.startswith(GITHUB):
        return (f"{hosts.owner(publish)}{hosts.GITHUB_NAMES}",)
    match publish.kind:
        case "netlify":
            return tuple(filter(None, (hosts.NETLIFY_APEX, hosts.netlify_name(publish))))
        case "bucket":
            return () if publish.endpoint else (hosts.amazon_website(publish),)
        case "ssh":
            server = hosts.server_of(publish)
            return () if _is_address(server) else (server,)
        case _:
            return ()


def _github(name: str, publish: PublishTable, apex: bool, known: Known) -> Goal:
    pages = f"{hosts.owner(publish)}{hosts.GITHUB_NAMES}"
    accepts = hosts.GITHUB_ADDRESSES | frozenset(known.get(pages, ()))
    if not apex:
        return Goal(name, (Wanted("CNAME", pages),), accepts=accepts)
    records = (
        *(Wanted("A", address) for address in hosts.GITHUB_V4),
        *(Wanted("AAAA", address, optional=True) for address in hosts.GITHUB_V6),
    )
    return Goal(
        name,
        records,
        accepts=accepts,
        note=f"or one ALIAS or ANAME to {pages}, where your provider has those",
    )


def _netlify(name: str, publish: PublishTable, apex: bool, known: Known) -> Goal:
    site = hosts.netlify_name(publish)
    accepts = frozenset(known.get(hosts.NETLIFY_APEX, ())) | frozenset(known.get(site, ()))
    if apex:
        note = f"better one ALIAS, ANAME or flattened CNAME to {hosts.NETLIFY_APEX}"
        return Goal(name, (Wanted("A", hosts.NETLIFY_V4),), accepts=accepts, note=note)
    open_ = Wanted("CNAME", f"<the site's name>{hosts.NETLIFY_NAMES}", open=True)
    return Goal(name, (Wanted("CNAME", site) if site else open_,), accepts=accepts)


def _bucket(name: str, publish: PublishTable, apex: bool, known: Known) -> Goal:
    kind: Kind = "ALIAS" if apex else "CNAME"
    if publish.endpoint:
        return Goal(name, (Wanted(kind, "<the website address of the bucket>", open=True),))
    site = hosts.amazon_website(publish)
    note = ""
    if hosts.bucket(publish) != name:
        note = f"Amazon answers for {name} only from a bucket of that name, or through a CDN"
    return Goal(name, (Wanted(kind, site),), accepts=frozenset(known.get(site, ())), note=note)


def _ssh(name: str, publish: PublishTable, apex: bool, known: Known) -> Goal:
    server = hosts.server_of(publish)
    addresses = (server,) if _is_address(server) else tuple(known.get(server, ()))
    wanted = tuple(Wanted(kind_of(address), address) for address in addresses)
    goal = Goal(name, wanted, follows=frozenset({server}))
    if wanted:
        return goal
    return replace(goal, records=(Wanted("A", f"<the address of {server}>", open=True),))


def _git(name: str, publish: PublishTable, apex: bool, known: Known) -> Goal:
    server = hosts.server_of(publish) or "the repository's pages"
    kind: Kind = "A" if apex else "CNAME"
    return Goal(name, (Wanted(kind, f"<what {server} documents for its pages>", open=True),))


_OF: Final = {"git": _git, "netlify": _netlify, "bucket": _bucket, "ssh": _ssh}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
