"""Cutting the network between hosts of this machine, which are addresses of its loopback interface.

Who sends a packet is told by the control group of the socket (cgroup v2), and to whom by the
address: the processes of a side are put into a group of its own, and a table of nftables, named
after the deployment, drops what they send to the other side's addresses. A socket belongs for good
to the group in which it was made, so connections that are there already are dropped by their
addresses and ports. Nothing is closed: both sides see silence, as of a cable that was cut. Why like
this: docs/decisions/0033-a-zone-that-is-cut-off.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache

import psutil

from tenfold.drills.groups import CONTROL, gather, home, scatter, unified
from tenfold.drills.processes import Find, Named
from tenfold.errors import StepFailed

_WITHIN_SECONDS = 20.0
Pair = tuple[str, int, str, int]
"""A connection as one of its ends sees it: own address and port, the other's."""


def why_not() -> str:
    """Why this machine does not let the network be cut; empty if it does."""
    if os.geteuid() != 0:
        return "that takes root"
    if _program() is None:
        return "that takes nftables (the program nft)"
    if unified() is None:
        return "there is no writable cgroup v2"
    try:
        _nft("list tables")
    except StepFailed:
        return "the kernel lets nobody list the tables of nftables here"
    return ""


def table(deployment: str) -> str:
    """What the table is called, and begins the names of the groups with."""
    return "tenfold_drill_" + "".join(c if c.isalnum() and c.isascii() else "_" for c in deployment)


def cut(
    name: str,
    one: Find,
    other: Find,
    addresses: tuple[Sequence[str], Sequence[str]],
    strike: Callable[[], None],
) -> None:
    """No packet goes from either side to the other's addresses from now on.

    ``strike`` is called right before that.

    Raises:
        StepFailed: the kernel does not take it; :func:`mend` takes back what was begun.
    """
    top = unified()
    assert top is not None
    gather(top / f"{name}_1", one)
    gather(top / f"{name}_2", other)
    strike()
    _nft(_rules(name, addresses))
    for _ in range(2):  # one that was on its way while it was looked for the first time
        found = _connections(one(), other())
        if found:
            elements = ", ".join(f"{a} . {p} . {b} . {q}" for a, p, b, q in sorted(found))
            _nft(f"add element inet {name} known {{ {elements} }}")


def homes(one: Find, other: Find) -> list[str]:
    """The groups in which the processes of each side are before anything is cut."""
    top = unified()
    assert top is not None
    return [home(top, one), home(top, other)]


def mend(name: str, back: Sequence[str] = ("", "")) -> None:
    """Nothing is cut any more; fine if nothing was.

    Raises:
        StepFailed: a table or a group is still there.
    """
    if os.geteuid() != 0 or _program() is None:
        return
    if f"table inet {name}\n" in _nft("list tables"):
        _nft(f"delete table inet {name}")
    for number, group in enumerate(back, start=1):
        scatter(unified(), f"{name}_{number}", group)


def _rules(name: str, addresses: tuple[Sequence[str], Sequence[str]]) -> str:
    """The table, in one transaction."""
    top = unified()
    assert top is not None
    place = top.relative_to(CONTROL).as_posix().removeprefix(".")
    groups = [f"{place}/{name}_{n}".lstrip("/") for n in (1, 2)]
    one, other = (", ".join(sorted(set(side))) for side in addresses)
    return f"""
table inet {name} {{
    set known {{ type ipv4_addr . inet_service . ipv4_addr . inet_service; }}
    chain cut {{
        type filter hook output priority filter; policy accept;
        socket cgroupv2 level 1 "{groups[0]}" ip daddr {{ {other} }} drop
        socket cgroupv2 level 1 "{groups[1]}" ip daddr {{ {one} }} drop
        ip saddr . tcp sport . ip daddr . tcp dport @known drop
    }}
}}
"""


def _connections(one: Sequence[Named], other: Sequence[Named]) -> set[Pair]:
    """Those between the two sides, as both ends send."""
    mine, theirs = {pid for pid, _ in one}, {pid for pid, _ in other}
    ends: dict[Pair, int] = {}
    for found in psutil.net_connections("tcp4"):
        if found.laddr and found.raddr and found.pid is not None:
            pair = (found.laddr.ip, found.laddr.port, found.raddr.ip, found.raddr.port)
            ends[pair] = found.pid
    both = {p for p, pid in ends.items() if pid in mine and ends.get(_other_end(p)) in theirs}
    return both | {_other_end(pair) for pair in both}


def _other_end(pair: Pair) -> Pair:
    return (pair[2], pair[3], pair[0], pair[1])


@cache
def _program() -> str | None:
    return shutil.which("nft", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _nft(told: str) -> str:
    program = _program()
    assert program is not None
    done = subprocess.run(
        [program, "-f", "-"],
        input=told,
        capture_output=True,
        text=True,
        timeout=_WITHIN_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise StepFailed("nftables does not take what it is told", detail=done.stderr.strip())
    return done.stdout
