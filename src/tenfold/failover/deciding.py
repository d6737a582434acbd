"""Who is to be served, and which steps lead there. Pure: no clock, no I/O.

Nothing is remembered of a failover that is under way but what has become of it so far
(:class:`State`). Whoever was killed in the midst of one looks again, and finds the rest of the
steps: after any step the others are what :func:`steps` gives (tested as such).

Three rules are behind it.

- *Silent is not dead.* From a server that has stopped to answer nobody is sent away, unless another
  one leads, on a later timeline. Requests wait for it, since they would wait anyway, and go on
  without further ado if it answers again.
- *Never back.* A timeline that is lower than one that was seen once, of the same cluster, is the
  past. Whoever says that it leads there was forgotten to be fenced, and gets nobody.
- *Nobody is let go to a server that does not take writes*, or with connections to one that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from tenfold.failover.sightings import Seen, Sighting
from tenfold.topology.databases import NOBODY

Does = Literal["hold", "cut", "point", "verify", "drain", "refresh", "release", "give up"]


GONE = "gone"
"""No server's life."""
UNNOTED = ""
"""That of a server to which the endpoint was pointed by somebody else, who is believed if a look
through the endpoint finds the leader there."""


@dataclass(frozen=True, slots=True)
class Limits:
    """``silence_seconds``: how long a leader may say nothing before requests wait for it.

    ``hold_seconds``: how long they wait at the most. Patroni's lease is 20 s, and the edge gives a
    request 75 s, waiting included. ``unreached_seconds``: how long the endpoint may reach nobody
    while somebody leads, before it is pointed anew: an upgrade of its nginx, or a machine without
    processor time, is over before.
    """

    silence_seconds: float = 2.0
    hold_seconds: float = 40.0
    unreached_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class State:
    """What has become of the endpoint and of the app so far.

    ``timeline`` is the highest that was ever seen of ``cluster``. The endpoint points to ``path``
    (:data:`~tenfold.topology.databases.NOBODY`: it refuses), whose server's ``life`` was that, and
    is ``open`` unless it lets connections wait. ``verified``: a session through it reached that
    server. ``held``: requests wait, and have since ``held_since``. ``spent``: they have waited for
    as long as they may, and do not again before somebody leads. ``stale``: the app may keep
    connections that are broken. ``drained``: since then, what was in hand has ended or was given up
    waiting for.
    """

    timeline: int = 0
    path: str = NOBODY
    life: str = UNNOTED
    open: bool = True
    verified: bool = False
    held: bool = False
    held_since: float = 0.0
    spent: bool = False
    stale: bool = False
    drained: bool = False
    cluster: str = ""
    unreached_since: float | None = None


@dataclass(frozen=True, slots=True)
class Serve:
    """This server leads: requests go to it."""

    path: str
    timeline: int
    life: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Requests wait, and sessions are left as they are."""

    why: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Requests wait, and so do new connections; sessions that there are end."""

    why: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Nobody leads, and requests have waited for as long as they may: they fail at once, since the
    endpoint refuses connections from now on."""

    why: str


@dataclass(frozen=True, slots=True)
class Stay:
    """All is as it was, as far as is known."""


Wanted = Serve | Wait | Cut | GiveUp | Stay


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; ``path`` is whom to point to."""

    does: Does
    path: str = ""
    life: str = ""


def wanted(seen: Seen, state: State, now: float, limits: Limits) -> Wanted:
    """What is to be, from what is known.

    Args:
        seen: every server that may lead.
        state: what has become of things so far.
        now: by the clock of the sightings.
        limits: how patient to be.
    """
    state = learnt(state, seen)
    known = state.timeline
    leaders = [p for p, s in _of(state.cluster, seen) if s.kind == "leads" and s.timeline == known]
    if len(leaders) == 1:
        path = leaders[0]
        return Serve(path, known, seen[path].life)
    if leaders:
        both = " and ".join(sorted(leaders))
        goal: Wanted = Wait(f"{both} both say that they lead timeline {known}")
    else:
        goal = _without_leader(state, seen.get(state.path, Sighting()), now, limits)
    if state.held and now - state.held_since >= limits.hold_seconds:
        why = goal.why if isinstance(goal, Wait | Cut) else "nobody leads"
        return GiveUp(f"{why}, for {limits.hold_seconds:g} s by now")
    return goal


def _without_leader(state: State, last: Sighting, now: float, limits: Limits) -> Wanted:
    match last.kind:
        case "down":
            return Cut(f"{state.path} is down, and nobody leads")
        case "follows":
            return Cut(f"{state.path} does not lead any more, and nobody else does")
        case "leads":
            return Cut(f"{state.path} leads timeline {last.timeline}, which is the past")
        case "silent" if now - last.since >= limits.silence_seconds:
            return Wait(f"{state.path} does not answer")
    # It may be that of one that was cut off before: then all is still to be done.
    return Stay()


def steps(state: State, goal: Wanted) -> tuple[Step, ...]:
    """What leads from here to there; nothing if it is reached."""
    match goal:
        case Stay():
            return ()
        case GiveUp():
            return () if state.spent else (Step("give up"),)
        case Wait() | Cut() if state.spent:
            return ()
        case Wait():
            return () if state.held else (Step("hold"),)
        case Cut():
            return _before(state)
        case Serve(path=path, life=life):
            return _towards(state, path, life)


def _before(state: State) -> tuple[Step, ...]:
    hold = () if state.held else (Step("hold"),)
    return (*hold, Step("cut")) if state.open else hold


def _towards(state: State, path: str, life: str) -> tuple[Step, ...]:
    done: tuple[Step, ...] = ()
    if not _is_there(state, path, life):
        done = (*_before(state), Step("point", path, life))
        state = replace(state, held=True, stale=True, verified=False, drained=False)
    if not state.verified or state.life != life:
        done = (*done, Step("verify", path, life))
    if state.stale:
        done = (*done, *(() if state.held else (Step("hold"),)))
        done = (*done, *(() if state.drained else (Step("drain"),)), Step("refresh"))
        state = replace(state, held=True)
    return (*done, Step("release")) if state.held else done


def _is_there(state: State, path: str, life: str) -> bool:
    # Of whom nobody has noted whose sessions he has, it is found out; mostly it is this server's.
    return state.open and state.path == path and state.life in (life, UNNOTED)


def after(state: State, step: Step, now: float) -> State:
    """What has become of things when this step is done, now."""
    match step.does:
        case "hold":
            return replace(state, held=True, held_since=now)
        case "give up":
            # The endpoint refuses: whoever it led to may be a leader of the past. For whoever comes
            # all is done anew.
            gone = replace(state, path=NOBODY, life=GONE, open=True, verified=False)
            return replace(gone, held=False, spent=True, stale=True, drained=False)
        case "cut":
            return replace(state, open=False, verified=False, stale=True, drained=False)
        case "point":
            there = replace(state, path=step.path, life=step.life, open=True, unreached_since=None)
            return replace(there, verified=False, stale=True, drained=False)
        case "verify":
            return replace(state, life=step.life, verified=True, unreached_since=None)
        case "drain":
            return replace(state, drained=True)
        case "refresh":
            return replace(state, stale=False)
        case "release":
            return replace(state, held=False, spent=False)


def is_settled(state: State) -> bool:
    """Whether requests go through the endpoint to a server, and nothing is to be done about it."""
    known = state.path != NOBODY and state.life not in (UNNOTED, GONE)
    return known and state.open and state.verified and not state.held and not state.stale


def refuted(state: State) -> State:
    """The same when a look through the endpoint has found somebody else there, or nobody."""
    return replace(state, life=GONE, unreached_since=None)


def unreached(state: State, goal: Wanted, now: float, limits: Limits) -> State:
    """The same when a look through the endpoint has reached nobody at all.

    Its file may lead to a server that is gone. So while the servers themselves say that the one it
    is to lead to leads, it is pointed anew if that lasts. While nobody leads nobody is reached.
    """
    if not (isinstance(goal, Serve) and _is_there(state, goal.path, goal.life)):
        return replace(state, unreached_since=None)
    since = now if state.unreached_since is None else state.unreached_since
    if now - since >= limits.unreached_seconds:
        return refuted(state)
    return replace(state, unreached_since=since)


def learnt(state: State, seen: Seen) -> State:
    """The same, with the highest timeline that is known by now.

    That of a cluster which nobody who answers belongs to any more says nothing of the next one: a
    database that was restored begins to count anew.
    """
    cluster, timeline = state.cluster, state.timeline
    if not any(s.answers for _, s in _of(cluster, seen)):
        leading = {s.cluster for s in seen.values() if s.kind == "leads"}
        if len(leading) == 1:
            timeline = 0 if cluster else timeline
            (cluster,) = leading
    timeline = max(timeline, *(s.timeline for _, s in _of(cluster, seen)), 0)
    return replace(state, cluster=cluster, timeline=timeline)


def _of(cluster: str, seen: Seen) -> list[tuple[str, Sighting]]:
    return [(path, s) for path, s in seen.items() if s.cluster == cluster]
