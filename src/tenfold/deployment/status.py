"""Status: one glance, the same facts for people and for programs. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tenfold.deployment import resting
from tenfold.deployment.applied import Applied
from tenfold.state.layout import title
from tenfold.state.lock import Holder
from tenfold.topology.observation import Deed, Observation, ObservedHost, ObservedUnit
from tenfold.transitions import way
from tenfold.transitions.journal import Record
from tenfold.transitions.way import Crossing

ALIVE = ("running", "draining", "holding")
DATABASE = "postgres"
LEFT_BEHIND = "what runs is left of a command that came to no end: tenfold up, or tenfold down"
EVERYDAY = ("up", "down", "deploy", "rollback")


@dataclass(frozen=True, slots=True)
class Status:
    """What ``tenfold status`` tells."""

    app: str
    stage: str
    state: str
    url: str | None
    release: str | None
    hosts: tuple[Mapping[str, Any], ...]
    transition: Mapping[str, Any] | None
    missing: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    maintenance: Mapping[str, Any] | None = None
    environment: str | None = None
    storage: tuple[Mapping[str, Any], ...] | None = None
    database: Mapping[str, Any] | None = None
    restore: Mapping[str, Any] | None = None
    deeds: tuple[Deed, ...] = ()
    jobs: tuple[Mapping[str, Any], ...] | None = None
    pages: str | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[Mapping[str, Any], ...] | None = None
    journal_since: float | None = None
    failover: Mapping[str, Any] | None = None
    drill: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """The app's name, and the environment unless it is the default one."""
        return title(self.app, self.environment)

    def to_json(self) -> dict[str, Any]:
        """The documented object, without the version that every object gets.

        ``journal`` is there where it is in etcd and that does not answer: what hosts are to be and
        what is under way are then as of ``copied``, in seconds since the epoch. ``edges`` is there
        where there are several, and were asked; ``failover`` where the database fails over by
        itself: who leads, who may next, and how many of etcd's members agree; ``drill`` where one
        is on or has left something broken; ``storage`` where
        user files were counted, which takes a moment; ``database`` where it is the user's own, and
        was asked; ``deeds`` where agents have done something by themselves since a command was cut
        off; ``jobs`` where the release has any.
        """
        told: dict[str, Any] = {
            "app": self.app,
            "environment": self.environment,
            "stage": self.stage,
            "state": self.state,
            "url": self.url,
            "release": self.release,
            "pages": self.pages,
            "hosts": list(self.hosts),
            "transition": self.transition,
            "restore": None if self.restore is None else dict(self.restore),
            "maintenance": None
            if self.maintenance is None
            else {key: self.maintenance[key] for key in ("since", "until", "message")},
        }
        if self.journal_since is not None:
            told["journal"] = {"answers": False, "copied": self.journal_since}
        if self.edges is not None:
            told["edges"] = list(self.edges)
        if self.failover is not None:
            told["failover"] = dict(self.failover)
        if self.drill is not None:
            told["drill"] = dict(self.drill)
        if self.storage is not None:
            told["storage"] = list(self.storage)
        if self.deeds:
            told["deeds"] = [asdict(deed) for deed in self.deeds]
        if self.jobs is not None:
            told["jobs"] = list(self.jobs)
        return told if self.database is None else {**told, "database": dict(self.database)}


def fails_over(found: Status, *, settled: bool) -> bool:
    """Whether the database is in Patroni's care, by what runs: on the way there and back it is
    before, and still, whatever stage was reached.

    Args:
        found: the status.
        settled: whether it is at a place where the database is in Patroni's care.
    """
    engines = {u["engine"] for h in found.hosts for u in h["units"] if u["name"] == DATABASE}
    return "patroni" in engines or (settled and "postgresql" not in engines)


def never_up(app: str, stage: str = "10", environment: str | None = None) -> Status:
    """The status of an app that was never brought up, and would begin at this stage."""
    return Status(app, stage, "stopped", None, None, (), None, environment=environment)


def status(
    app: str,
    now: Observation,
    applied: Applied | None,
    last: Record | None,
    holder: Holder | None,
    position: str = "10",
    crossing: Crossing | None = None,
    maintenance: Mapping[str, Any] | None = None,
    restore: Mapping[str, Any] | None = None,
    environment: str | None = None,
    journal_since: float | None = None,
    pages_of: str | None = None,
) -> Status:
    """The status of one deployment.

    Args:
        app: the app's name, for a deployment that never was up.
        now: what was observed.
        applied: what the last ``up`` meant to have.
        last: the newest transition in the journal.
        holder: who holds the lock at this moment.
        position: on the path between stages.
        crossing: the move between stages that is begun and not complete.
        restore: one in place that is not complete.
        maintenance: what visitors are told while it is on.
        environment: its name, unless it is the default one.
        journal_since: as of when the journal is told, if it is a copy: etcd does not answer.
        pages_of: the release that the pages are of which are shown as files.
    """
    unknown = applied is None
    applied = applied or Applied(app, "10", None)
    up = any(h.agent != "absent" for h in now.hosts)
    serving = _serving(now, applied.stage)
    missing = _missing(now, applied, holder) if up else ()
    if up and unknown and not missing and holder is None:
        missing = (LEFT_BEHIND,)
    if up and not missing and holder is None and pages_of is not None:
        missing = _pages_of_another(pages_of, serving)
    return Status(
        app=applied.app,
        stage=applied.stage,
        state=_state(up, missing, last, holder),
        url=applied.url,
        urls=applied.urls,
        release=serving,
        pages=now.pages,
        hosts=tuple(_host(h, applied) for h in now.hosts),
        transition=_transition(last, holder, position, crossing),
        missing=missing,
        silent=_silent(now),
        maintenance=maintenance,
        restore=restore,
        environment=environment,
        deeds=resting.deeds(now, last),
        journal_since=journal_since,
    )


def _serving(now: Observation, stage: str) -> str | None:
    """What the workers run; what served last, if none runs or two releases take turns."""
    running = {u.release for h in now.hosts for u in h.units if u.state == "running" and u.pool}
    if len(running) == 1:
        return running.pop()
    return None if stage == "1" else now.release


def _state(up: bool, missing: tuple[str, ...], last: Record | None, holder: Holder | None) -> str:
    if holder and last and last.ended is None:
        return "in-transition"
    if not up:
        return "stopped"
    return "degraded" if missing else "running"


def _silent(now: Observation) -> tuple[str, ...]:
    return tuple(h.name for h in now.hosts if h.agent == "silent")


def _missing(now: Observation, applied: Applied, holder: Holder | None) -> tuple[str, ...]:
    """What is not as it must be, as sentences."""
    silent = _silent(now)
    if silent:
        return tuple(f"{h} does not answer: what runs there cannot be seen" for h in silent)
    lost = [h.name for h in now.hosts if h.agent == "unreachable"]
    if lost:
        return tuple(f"the agent of {h} is gone, its units still run: tenfold up" for h in lost)
    units: defaultdict[str, list[ObservedUnit]] = defaultdict(list)
    for host in now.hosts:
        for unit in host.units:
            units[f"{host.name}/{unit.pool or unit.name}"].append(unit)
    return tuple(
        _too_few(path, units[path], wanted, holder)
        for path, wanted in applied.expected.items()
        if _alive(units[path]) < wanted
    )


def _pages_of_another(pages_of: str, serving: str | None) -> tuple[str, ...]:
    """A deploy that was cut off may leave the pages of its release in front of the one before."""
    if serving in (None, pages_of):
        return ()
    return (
        f"the pages in front are of release {pages_of}, the app serves {serving}: tenfold deploy"
        " goes on, tenfold up --last goes back",
    )


def _alive(units: Sequence[ObservedUnit]) -> int:
    return sum(unit.state in ALIVE for unit in units)


def _too_few(path: str, units: Sequence[ObservedUnit], wanted: int, holder: Holder | None) -> str:
    rests = resting.sentence(units, holder)
    return f"{path} {rests}" if rests else f"{path} has {_alive(units)} of {wanted}"


def _host(host: ObservedHost, applied: Applied) -> dict[str, Any]:
    known = applied.host(host.name)
    agent = {
        "name": "agent",
        "engine": "tenfold",
        "state": host.agent if host.agent in ("running", "silent") else "stopped",
        "pid": host.agent_pid,
        "endpoint": None,
    }
    return {
        "name": host.name,
        "target": known["target"],
        "region": known["region"],
        "zone": known["zone"],
        "address": host.address,
        "units": [
            agent,
            *(_unit(u, host) for u in sorted(host.units, key=_place(host.name, applied))),
        ],
    }


def _place(host: str, applied: Applied) -> Callable[[ObservedUnit], tuple[int, str]]:
    """Units in the order of the topology, the members of a pool by name."""
    order = {path: place for place, path in enumerate(applied.expected)}
    last = len(order)
    return lambda unit: (order.get(f"{host}/{unit.pool or unit.name}", last), unit.name)


def _unit(unit: ObservedUnit, host: ObservedHost) -> dict[str, Any]:
    """One that listens at any free port is told by its agent's socket."""
    return {
        "name": unit.name,
        "engine": unit.engine,
        "state": unit.state,
        "pid": unit.pid,
        "endpoint": unit.endpoint or dict(host.sockets).get(unit.name),
        "release": unit.release,
        "restarts": unit.restarts,
        "reason": unit.reason,
        "rests_until": unit.rests_until,
        "replaced": unit.replaced,
    }


def _transition(
    last: Record | None, holder: Holder | None, position: str, crossing: Crossing | None
) -> dict[str, Any] | None:
    """What is under way, was cut off and waits for somebody, or waits to be completed."""
    moves = crossing is not None and last is not None and last.kind not in EVERYDAY
    if last is None or (last.ended is not None and crossing is None):
        return None
    told: dict[str, Any] = {
        "kind": last.kind,
        "state": "running" if holder else "interrupted",
        "holder": None if holder is None else asdict(holder),
    }
    if last.ended is None or (moves and crossing is not None and crossing.final is not None):
        step = last.steps[last.position] if last.position is not None else None
        told |= {
            "step": step["step"] if step else None,
            "position": (last.position or 0) + 1,
            "of": len(last.steps),
            "began": last.began,
        }
    if crossing is None:
        return told
    told |= {
        "from": crossing.home,
        "to": crossing.goal,
        "phase": _phase(position, crossing),
        # While a command is at work every other one is refused.
        "may": [] if holder else list(way.choices(position, crossing)),
    }
    if crossing.final is None and last.ended is not None:
        told |= {"kind": crossing.command, "state": "open", "began": crossing.began}
    elif crossing.final is not None:
        told["kind"] = crossing.command
    return told


def _phase(position: str, crossing: Crossing) -> str:
    """``preparing``, ``prepared``, ``switching``, ``switched`` or ``completing``."""
    final = crossing.final
    if final is not None and crossing.command == "complete":
        return "completing"
    if position == crossing.far:
        return "switched" if final is None else "switching"
    if position != crossing.prepared or final == crossing.home:  # what was prepared is removed
        return "preparing"
    return "prepared" if final in (None, position) else "switching"
