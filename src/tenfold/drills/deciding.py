"""Which drill does what to whom, and what is promised for it; or why it is refused. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from tenfold.drills.model import (
    Cut,
    Decision,
    Drill,
    FillDisk,
    Freeze,
    KillHosts,
    KillServer,
    Kind,
    Means,
    Promise,
    Situation,
    SlowDisk,
)
from tenfold.errors import Refused, UsageError

LASTS_SECONDS: Mapping[Kind, float] = {
    "partition": 30.0,
    "pause-leader": 10.0,
    "pause-follower": 10.0,
    "slow-disk": 20.0,
    "fill-disk": 20.0,
    "etcd-minority": 15.0,
}
"""How long something is broken where nobody says it; what is killed, until writes go on."""
LEAVES_OUT: Mapping[Kind, str] = {
    "kill-leader": "what is killed comes back by itself",
}
ELECTION_SECONDS = 5.0
"""How long writes wait at most where it is known that a leader is dead."""
DEATH_SECONDS = 10.0
"""... and where that has to be found out, with nobody left on its host who could say so."""
FOLLOWER_SECONDS = 10.0
"""... and where a follower that commits waited for is gone: Patroni looks each second."""
SENDER_SECONDS = 30.0
"""``wal_sender_timeout``: after that a leader gives up a follower that is silent."""
SILENCE_SECONDS = 4.0
"""How long it takes at most until silence is noticed: the failover keeper's two seconds, twice."""
HOLD_SECONDS = 40.0
"""How long requests wait at most where the leader is not reached."""
SLACK_SECONDS = 10.0
"""What may come on top of a lease or a time-out: an election, a reconnection, a busy machine."""
SLOW_WRITES_PER_SECOND = 10


def parse(kind: Kind, zones: str | None, lasts_seconds: float | None) -> Drill:
    """What was typed. ``zones`` is ``a``, or ``a|b``, or ``a|b,c``.

    Raises:
        UsageError: zones are missing, or named where there is no use for them.
    """
    takes = {"kill-zone": 1, "partition": 2}.get(kind, 0)
    if zones is not None and not takes:
        raise UsageError(f"{kind} takes no zone", next=f"tenfold drill {kind}")
    sides = tuple(
        tuple(filter(None, (one.strip() for one in side.split(","))))
        for side in (zones or "").split("|")
        if side.strip()
    )
    if len(sides) != takes or not all(sides):
        shape = {1: "tenfold drill kill-zone a", 2: "tenfold drill partition 'a|b'"}
        raise UsageError(
            f"{kind} wants {'a zone' if takes == 1 else 'two sides'}",
            next=f"{shape[takes]}    tenfold status names the zones",
        )
    if takes == 1 and len(sides[0]) > 1:
        raise UsageError(
            "one zone at a time: the loss of two is not survived", next="tenfold drill kill-zone a"
        )
    if lasts_seconds is not None and kind in LEAVES_OUT:
        raise UsageError(f"{kind} lasts for no time of its own: {LEAVES_OUT[kind]}")
    return Drill(kind, sides, lasts_seconds)


def decide(drill: Drill, now: Situation, means: Means, *, anyway: bool = False) -> Decision:
    """What is broken, for how long, and what is promised meanwhile.

    Args:
        drill: what was asked for.
        now: what there is.
        means: what this machine permits.
        anyway: also where acknowledged writes may be lost as things stand, or nobody would be left.

    Raises:
        UsageError: it names a zone that there is not.
        Refused: nobody leads, or more would be lost than is survived.
    """
    for zone in (zone for side in drill.sides for zone in side):
        if zone not in now.zones:
            raise UsageError(
                f"there is no zone {zone}", next=f"the zones are {', '.join(now.zones)}"
            )
    named = [zone for side in drill.sides for zone in side]
    if len(set(named)) < len(named):
        raise UsageError("a zone cannot be cut off from itself")
    if now.leader is None:
        raise Refused(
            "no database leads just now: there is nothing left to break",
            next="tenfold status    says when one does",
        )
    found = _DECIDERS[drill.kind](drill, now, means, now.leader)
    if not anyway:
        _require_survivable(drill, found, now, now.leader)
    return found


def _kill_leader(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    promise = Promise("changes" if now.in_sync else "stays", ELECTION_SECONDS)
    return Decision(KillServer(leader), promise)


def _kill_zone(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    hosts = now.of_zone(*drill.sides[0])
    if leader in hosts:
        lease = now.lease_seconds + SLACK_SECONDS
        promise = Promise("changes", DEATH_SECONDS if means.tells_deaths else lease)
    else:
        promise = Promise("stays", FOLLOWER_SECONDS)
    return Decision(KillHosts(hosts), promise, drill.lasts_seconds)


def _partition(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    one, other = (now.of_zone(*side) for side in drill.sides)
    lasts = drill.lasts_seconds or LASTS_SECONDS["partition"]
    if means.why_no_cut:
        note = f"not at the network: {means.why_no_cut}; so zone {', '.join(drill.sides[0])} falls"
        return Decision(
            Freeze(one),
            _unheard(now, leader in one, lasts),
            lasts,
            level="processes",
            notes=(f"{note} silent for everybody instead",),
        )
    fails = lasts + SILENCE_SECONDS > HOLD_SECONDS
    if leader in (*one, *other):
        promise = _cut_off(drill, now, leader, lasts, later_fail=fails)
    else:
        promise = Promise("stays", SENDER_SECONDS + SLACK_SECONDS, SILENCE_SECONDS, fails)
    return Decision(Cut(one, other), promise, lasts, level="network")


def _cut_off(
    drill: Drill, now: Situation, leader: str, lasts: float, *, later_fail: bool
) -> Promise:
    """The leader is on one of two sides. Where its side of etcd is the smaller one, another one is
    elected once its lease is over; else it stays, and gives up whom commits waited for."""
    (beyond,) = (side for side in drill.sides if now.zone(leader) not in side)
    hear = sum(now.zone(host) not in beyond for host in now.etcd)
    alone = hear <= len(now.etcd) // 2
    over = lasts >= now.lease_seconds + ELECTION_SECONDS
    whose: Literal["stays", "changes", "either"] = "changes" if alone and over else "either"
    wait = max(now.lease_seconds, SENDER_SECONDS) + SLACK_SECONDS
    return Promise(whose, wait, SILENCE_SECONDS, later_fail)


def _unheard(now: Situation, leads: bool, lasts: float) -> Promise:
    """Who is silent for so long: a leader, or somebody that commits may wait for."""
    if not leads:
        return Promise("stays", min(lasts, SENDER_SECONDS) + SLACK_SECONDS, SILENCE_SECONDS)
    # The leash gives up a Patroni that hangs three seconds before its lease is over.
    short = lasts < now.lease_seconds - SLACK_SECONDS
    wait = lasts if short else min(lasts, now.lease_seconds)
    return Promise("stays" if short else "either", wait + SLACK_SECONDS, SILENCE_SECONDS)


def _pause_leader(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    lasts = drill.lasts_seconds or LASTS_SECONDS["pause-leader"]
    return Decision(Freeze((leader,)), _unheard(now, True, lasts), lasts)


def _pause_follower(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    followers = [*now.in_sync, *(d for d in now.databases if d not in (leader, *now.in_sync))]
    if not followers:
        raise Refused("no database follows: there is none to pause", next="tenfold status")
    lasts = drill.lasts_seconds or LASTS_SECONDS["pause-follower"]
    return Decision(Freeze((followers[0],)), _unheard(now, False, lasts), lasts)


def _slow_disk(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    lasts = drill.lasts_seconds or LASTS_SECONDS["slow-disk"]
    notes = (
        (f"not limited by the kernel: {means.why_no_throttle}",) if means.why_no_throttle else ()
    )
    rate = None if means.why_no_throttle else SLOW_WRITES_PER_SECOND
    return Decision(SlowDisk(leader, rate), Promise("stays", FOLLOWER_SECONDS), lasts, notes=notes)


def _fill_disk(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    if means.why_no_fill:
        raise Refused(
            f"the disk of {leader} is not filled: {means.why_no_fill}",
            next="have the app's folder on a file system of its own, then drill again",
        )
    lasts = drill.lasts_seconds or LASTS_SECONDS["fill-disk"]
    wait = lasts + now.lease_seconds + 2 * SLACK_SECONDS
    return Decision(FillDisk(leader), Promise("either", wait, later_fail=True), lasts)


def _etcd_minority(drill: Drill, now: Situation, means: Means, leader: str) -> Decision:
    """etcd's own leader among them: the others have to find another one as well."""
    count = (len(now.etcd) - 1) // 2
    order = sorted(now.etcd, key=lambda host: (host != now.etcd_leader, host))
    lasts = drill.lasts_seconds or LASTS_SECONDS["etcd-minority"]
    return Decision(
        Freeze(tuple(order[:count]), unit="etcd"), Promise("stays", ELECTION_SECONDS), lasts
    )


_DECIDERS: Mapping[Kind, Callable[[Drill, Situation, Means, str], Decision]] = {
    "kill-leader": _kill_leader,
    "kill-zone": _kill_zone,
    "partition": _partition,
    "pause-leader": _pause_leader,
    "pause-follower": _pause_follower,
    "slow-disk": _slow_disk,
    "fill-disk": _fill_disk,
    "etcd-minority": _etcd_minority,
}


def _require_survivable(drill: Drill, found: Decision, now: Situation, leader: str) -> None:
    """See that somebody is left who has every acknowledged write, and enough of etcd to say so.

    Raises:
        Refused: nobody would be, or too few.
    """
    hit = _hit(found)
    told = f"tenfold drill {_quoted(drill)} --anyway    does it all the same"
    if now.brings_back:
        ways = [f"{command}    brings it back" for command in now.brings_back.values()]
        raise Refused(
            f"{', '.join(now.brings_back)} is drained: a drill begins with all well",
            next="\n".join([*ways, told]),
        )
    silent = [host.name for host in now.hosts if not host.answers]
    if silent:
        raise Refused(
            f"{', '.join(silent)} does not answer already: a drill begins with all well",
            next=f"tenfold up    mends it\n{told}",
        )
    if leader in hit and not set(now.in_sync) - set(hit):
        others = [d for d in now.databases if d != leader]
        raise Refused(
            f"no database but {leader} has every acknowledged write: "
            + (f"{' and '.join(others)} is not in sync" if others else "nobody follows it"),
            next=f"tenfold status    says when one is in sync\n{told}",
        )
    left = sum(answers and host not in hit for host, answers in now.etcd.items())
    if not isinstance(found.harm, Cut | SlowDisk) and left <= len(now.etcd) // 2:
        raise Refused(
            f"{left} of {len(now.etcd)} members of etcd would be left, which cannot agree",
            next=f"tenfold status    says which of them is missing\n{told}",
        )


def _hit(found: Decision) -> tuple[str, ...]:
    """The hosts that are as good as gone meanwhile."""
    match found.harm:
        case KillServer(host) | FillDisk(host):
            return (host,)
        case KillHosts(hosts) | Freeze(hosts):
            return hosts
        case _:
            return ()


def _quoted(drill: Drill) -> str:
    """As a shell takes it."""
    kind, _, zones = drill.name.partition(" ")
    return f"{kind} '{zones}'" if "|" in zones else drill.name
