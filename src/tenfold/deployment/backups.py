"""How backups stand: what their keepers remember and what lies in their place, put into words."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenfold.backups import names
from tenfold.backups.catalogue import Lineage, from_json, lineages
from tenfold.backups.config import Destination
from tenfold.backups.faults import Fault
from tenfold.backups.state import State
from tenfold.backups.state import from_json as state_from_json
from tenfold.backups.store import Store, open_store
from tenfold.errors import Refused, TenfoldError
from tenfold.spec import read
from tenfold.state import app_secrets
from tenfold.topology.process import Command

if TYPE_CHECKING:
    from tenfold.backups.catalogue import Backup
    from tenfold.deployment.deployment import Deployment
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout
    from tenfold.targets.protocol import HostAgent
    from tenfold.topology.observation import Observation

ENGINE = "backup"
READ_SECONDS = 10.0
UNTOUCHED = "nothing: what runs was not touched"
BACKUP_SECONDS = 7 * 86_400.0
LATE_SECONDS = 90.0
"""From this age on the newest restorable point is told as a problem: a minute is promised."""
ROOM_SHARE = 0.5
"""What waits may take so much of what is free on its disk before that is told as urgent."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One glance at the backups, by the keeper beside the leader. Times in seconds, 0 for never."""

    host: str
    state: State
    now: float

    @property
    def age_seconds(self) -> float | None:
        """How old the newest moment is to which one could go back; ``None`` if there is none."""
        at = self.state.recoverable_at
        return max(0.0, self.now - at) if at and self.state.backup_ended else None

    @property
    def urgent(self) -> bool:
        """Whether a person should look at it now."""
        return bool(self.problems())

    def problems(self) -> tuple[str, ...]:
        """What is wrong, in sentences; what to do comes last."""
        state = self.state
        told: list[str] = []
        if state.archive_fault:
            since = span(self.now - state.failing_since)
            told.append(f"for {since} nothing arrives there: {state.archive_fault['what']}")
        elif self.age_seconds is not None and self.age_seconds > LATE_SECONDS:
            told.append(
                f"the archive is behind: the newest moment in it is {span(self.age_seconds)} ago"
            )
        if state.waiting > 1 and (state.archive_fault or state.waiting > WAITING_IS_MANY):
            told.append(self._room())
        if state.backup_fault:
            since = span(self.now - state.backup_attempt)
            told.append(f"the last copy failed {since} ago: {state.backup_fault['what']}")
        if state.clearing_fault:
            told.append(f"what is too old could not be deleted: {state.clearing_fault['what']}")
        if state.check_fault:
            since = span(self.now - state.check_attempt)
            told.append(f"the last trial failed {since} ago: {state.check_fault['what']}")
        for fault in (state.archive_fault, state.backup_fault, state.check_fault):
            if fault.get("next"):
                told.append(fault["next"])
                break
        return tuple(told)

    def sentences(self) -> tuple[str, ...]:
        """How it stands, for people; problems behind it."""
        return (self._standing(), *self.problems())

    def _standing(self) -> str:
        state = self.state
        if not state.backup_ended:
            what = "the first copy is being made" if state.copying else "no copy yet"
            return f"{what}: nothing can be restored from {state.place}"
        age = self.age_seconds
        newest = (
            "no moment is restorable" if age is None else f"newest restorable point {span(age)} ago"
        )
        copied = f"last copy {span(self.now - state.backup_ended)} ago"
        tried = f", tried {span(self.now - state.checked_at)} ago" if state.checked_at else ""
        return f"{newest}, {copied}{tried}, in {state.place}"

    def _room(self) -> str:
        """How much waits, and when that becomes a danger for the database itself."""
        state = self.state
        waits = (
            f"{size(state.waiting_bytes)} of log wait on {self.host},"
            f" {size(state.free_bytes)} are free"
        )
        if state.waiting_bytes > ROOM_SHARE * state.free_bytes:
            return f"{waits}: when its disk is full, the database stops"
        return f"{waits}; writes go on"

    def to_json(self) -> dict[str, Any]:
        """The documented object; times are seconds since the epoch."""
        state, age = self.state, self.age_seconds
        return {
            "place": state.place,
            "encrypted": state.encrypted,
            "host": self.host,
            "recoverable_at": state.recoverable_at or None,
            "age_seconds": None if age is None else round(age, 1),
            "last_backup": {
                "id": state.backup_id,
                "ended": state.backup_ended,
                "bytes": state.backup_bytes,
                "stored_bytes": state.stored_bytes,
            }
            if state.backup_ended
            else None,
            "copying": state.copying,
            "checking": state.checking,
            "checked": {**state.checked, "at": state.checked_at} if state.checked_at else None,
            "waiting": state.waiting,
            "waiting_bytes": state.waiting_bytes,
            "problems": list(self.problems()),
        }


WAITING_IS_MANY = 8


def look(deployment: Deployment, now: Observation) -> Standing | None:
    """How the backups of this deployment stand; ``None`` where none are kept, or nobody can say.

    Raises:
        TargetError: the host does not answer.
    """
    found = [
        Standing(host, state, time.time())
        for agent, host, name in _keepers(deployment, now)
        if (state := _state(agent, name)) is not None
    ]
    leading = [one for one in found if one.state.role == "leader"]
    return next(iter(leading or found), None)


def make(deployment: Deployment, tell: Callable[[str], None]) -> Backup:
    """Have a backup made, beside the leader.

    Raises:
        Refused: no backups are kept.
        TenfoldError: it could not be made.
    """
    heard = _order(deployment, "backup", tell, "no backup was made; the ones before stay")
    return from_json(heard["backup"])


def check(deployment: Deployment, tell: Callable[[str], None]) -> Mapping[str, Any]:
    """Have the newest backup restored beside the site, compared and thrown away.

    Raises:
        Refused: no backups are kept.
        TenfoldError: it did not pass, or could not be tried.
    """
    checked: Mapping[str, Any] = _order(deployment, "check", tell, UNTOUCHED)["checked"]
    return checked


def _order(
    deployment: Deployment, what: str, tell: Callable[[str], None], changed: str
) -> dict[str, Any]:
    from tenfold.backups.bringing import (
        hear,  # what status, which does not come here, need not load
    )

    now = deployment.observe()
    standing, keepers = look(deployment, now), _keepers(deployment, now)
    if standing is None:
        raise none_kept()
    agent, _, name = next(k for k in keepers if k[1] == standing.host)
    config = f"{agent.paths.root}/config/{name}/keeper.json"
    argv = (sys.executable, "-I", "-m", "tenfold.backups", "order", config, what)
    try:
        return hear(agent, Command(argv, within_seconds=BACKUP_SECONDS), tell)
    except Fault as fault:
        raise as_error(fault, changed) from fault


def destination(spec: AppSpec, layout: Layout, environ: Mapping[str, str]) -> Destination:
    """The place of backups with its secrets, also where nothing was ever brought up.

    Raises:
        Refused: the file names none.
        SpecError: a variable is not set.
    """
    # What status, which does not come here, need not load.
    from tenfold.deployment.backup_secrets import require_key
    from tenfold.deployment.given import remembered

    table = spec.database.backup
    if table is None:
        raise none_kept()
    own = {n: one.value.reveal() for n, one in app_secrets.load(layout.app_secrets).items()}
    known = {**environ, **remembered(layout), **own}
    found = read.backup_secrets(spec, known, path=layout.spec)
    if "encryption" in found:
        require_key(found["encryption"], layout)
    given = {name: secret.reveal() for name, secret in found.items()}
    return Destination(
        to=table.to,
        endpoint=table.endpoint,
        region=table.region,
        access_key=given.get("access_key", ""),
        secret_key=given.get("secret_key", ""),
        key=given.get("encryption"),
    )


def archives(
    spec: AppSpec, layout: Layout, environ: Mapping[str, str]
) -> tuple[Store, tuple[Lineage, ...]]:
    """The place, and what lies there of this app. Raises as :func:`destination`; or no answer."""
    store = open_store(destination(spec, layout, environ))
    try:
        return store, lineages(store, names.owner(spec.name, layout.environment))
    except Fault as fault:
        raise as_error(fault, None) from fault


def forks(
    spec: AppSpec, layout: Layout, environ: Mapping[str, str], store: Store, one: Lineage
) -> Mapping[int, int]:
    """Where the timelines before a cluster's present one were left. Raises as :func:`archives`."""
    from tenfold.backups.archiving import forks_of
    from tenfold.backups.seal import Sealer

    sealer = Sealer(destination(spec, layout, environ).key)
    try:
        return forks_of(store, sealer, one.name, one.timeline)
    except Fault as fault:
        raise as_error(fault, None) from fault


def fresher(
    deployment: Deployment, found: tuple[Lineage, ...], now: Observation
) -> tuple[Lineage, ...]:
    """The same with what the keeper here knows: the place is told every now and then alone."""
    standing = look(deployment, now)
    if standing is None:
        return found
    state = standing.state
    return tuple(
        replace(one, recoverable_at=max(one.recoverable_at, state.recoverable_at))
        if one.name == state.lineage
        else one
        for one in found
    )


def as_error(fault: Fault, changed: str | None) -> TenfoldError:
    """A fault as what a command says."""
    return TenfoldError(fault.what, changed=changed, next=fault.next or None)


def none_kept() -> Refused:
    """There are no backups here."""
    return Refused(
        "no backups are kept: tenfold.toml has no [database.backup], or nothing runs",
        next="tenfold docs database    shows the table;  tenfold up",
    )


def _keepers(deployment: Deployment, now: Observation) -> list[tuple[HostAgent, str, str]]:
    found: list[tuple[HostAgent, str, str]] = []
    for host in now.hosts:
        for unit in host.units:
            if unit.engine == ENGINE and host.agent == "running":
                agent = deployment.target.reach(host.name)
                if agent is not None:
                    found.append((agent, host.name, unit.name))
    return found


def _state(agent: HostAgent, name: str) -> State | None:
    # Read by the host itself, as the user that wrote it.
    path = f"{agent.paths.root}/data/{name}/state.json"
    told = agent.run(Command(("cat", path), within_seconds=READ_SECONDS, thorough=False))
    try:
        return state_from_json(json.loads(told.tail)) if told.code == 0 else None
    except (ValueError, KeyError, TypeError):
        return None


def span(seconds: float) -> str:
    """A time in one number and unit: ``19 s``, ``12 min``, ``5 h``, ``3 days``."""
    for unit, length in (("days", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def require_archived(deployment: Deployment) -> None:
    """See that no server has log that is not in the archive and may never get there.

    Raises:
        Refused: one has.
    """
    for agent, host, name in _keepers(deployment, deployment.observe(silent=True)):
        state = _state(agent, name)
        if state is not None and state.waiting and state.archive_fault:
            raise Refused(
                f"{host} has log that is not in the archive: {state.archive_fault['what']}",
                changed="nothing",
                next="tenfold status    tells when all is there; then the same command again",
            )
