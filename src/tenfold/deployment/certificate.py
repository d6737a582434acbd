"""How the site's certificate stands: what its keeper remembers, put into words."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenfold.certificates.state import State, from_json
from tenfold.deployment import shelf
from tenfold.deployment.ending import DAY_SECONDS, span
from tenfold.deployment.own_certificate import OwnCertificate, standing
from tenfold.engines.nginx.site import CERTIFICATE
from tenfold.errors import Refused
from tenfold.topology.process import Command

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.targets.protocol import HostAgent
    from tenfold.topology.observation import Observation

ENGINE, EDGE = "acme", "nginx"
READ_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Certificate:
    """One glance at the certificate. ``problem`` is what went wrong since the last success, and
    ``urgent`` whether visitors notice, or will before long."""

    names: tuple[str, ...]
    issuer: str
    authority: str
    not_after: float
    renew_at: float
    failures: int
    last_attempt: float
    problem: Mapping[str, str]
    trying: bool
    now: float

    @property
    def self_signed(self) -> bool:
        """Whether nobody vouches for it, so that browsers warn."""
        return not self.authority and not self.issuer

    @property
    def days_left(self) -> float:
        """Until it ends; negative once it has."""
        return (self.not_after - self.now) / DAY_SECONDS

    @property
    def urgent(self) -> bool:
        """Whether a person should look at it now."""
        return self.self_signed or self.days_left <= 0 or bool(self.problem)

    def sentences(self) -> tuple[str, ...]:
        """How it stands, for people; what to do comes last."""
        site = self.names[0] if self.names else "the site"
        told = [self._standing(site)]
        if self.problem:
            times = "once" if self.failures == 1 else f"{self.failures} times"
            since = span(self.now - self.last_attempt)
            told.append(f"getting another failed {times}, {since} ago: {self.problem['what']}")
            if self.problem["next"]:
                told.append(self.problem["next"])
        if self.trying:
            told.append("another one is being ordered right now")
        elif self.self_signed and not self.problem:
            told.append("another one is ordered in a moment: tenfold certificate tells how it goes")
        return tuple(told)

    def _standing(self, site: str) -> str:
        if self.self_signed:
            return f"the certificate of {site} is self-signed: browsers warn"
        if self.days_left <= 0:
            return f"the certificate of {site} ended {span(-self.days_left * DAY_SECONDS)} ago"
        left = span(self.days_left * DAY_SECONDS)
        renewal = "" if self.problem else f", renewed in {span(self.renew_at - self.now)}"
        return f"certificate from {self.issuer}, good for {left}{renewal}"

    def to_json(self) -> dict[str, Any]:
        """The documented object; times are seconds since the epoch."""
        return {
            "kind": "automatic",
            "urgent": self.urgent,
            "names": list(self.names),
            "issuer": self.issuer,
            "self_signed": self.self_signed,
            "not_after": self.not_after,
            "days_left": round(self.days_left, 2),
            "renew_at": self.renew_at,
            "failures": self.failures,
            "trying": self.trying,
            "problem": dict(self.problem) or None,
        }


def look(deployment: Deployment, now: Observation) -> Certificate | OwnCertificate | None:
    """The site's certificate; ``None`` where there is none, or nobody can say.

    Raises:
        TenfoldError: the host does not answer, or the release that serves is gone.
    """
    found = _keeper(deployment, now)
    if found is None:
        return _own(deployment, now)
    agent, name = found
    # Read by the host itself, as the user that wrote it.
    path = f"{agent.paths.root}/data/{name}/state.json"
    read = agent.run(Command(("cat", path), within_seconds=READ_SECONDS, thorough=False))
    try:
        state = from_json(json.loads(read.tail)) if read.code == 0 else None
    except (ValueError, KeyError, TypeError):
        state = None
    return None if state is None else certificate(state, time.time())


def _own(deployment: Deployment, now: Observation) -> OwnCertificate | None:
    """The user's own, as the edge shows it; the key that lies beside it stays on its host."""
    if now.release is None:
        return None
    spec = shelf.spec_of(deployment.layout, now.release)
    edge = _unit(deployment, now, EDGE) if spec.edge.tls.mode == "files" else None
    if edge is None:
        return None
    agent, name = edge
    path = f"{agent.paths.root}/config/{name}/{CERTIFICATE}"
    first = ("-n", "-e", "/BEGIN CERTIFICATE/,/END CERTIFICATE/p", "-e", "/END CERTIFICATE/q")
    lines: list[str] = []
    command = Command(("sed", *first, path), within_seconds=READ_SECONDS, thorough=False)
    if agent.run(command, lines.append).code != 0:
        return None
    return standing(spec, deployment.layout, "\n".join(lines), time.time())


def certificate(state: State, now: float) -> Certificate:
    """What the keeper's memory amounts to at this time."""
    from tenfold.certificates.deciding import renewal

    return Certificate(
        names=state.names,
        issuer=state.issuer,
        authority=state.authority,
        not_after=state.not_after,
        renew_at=renewal(state, 0.0),
        failures=state.failures - state.trying,
        last_attempt=state.last_attempt,
        problem=state.fault,
        trying=state.trying,
        now=now,
    )


def renew(deployment: Deployment) -> None:
    """Have the keeper try now.

    Raises:
        Refused: there is none.
        UnitFailed: it does not run.
    """
    found = _keeper(deployment, deployment.observe())
    if found is None:
        raise Refused(
            'no certificate is kept here: nothing runs, or [edge] tls is not "auto"',
            next="tenfold docs edge",
        )
    agent, name = found
    agent.reload(name)


def _keeper(deployment: Deployment, now: Observation) -> tuple[HostAgent, str] | None:
    """The agent that has a keeper, and what the keeper is called."""
    return _unit(deployment, now, ENGINE)


def _unit(deployment: Deployment, now: Observation, engine: str) -> tuple[HostAgent, str] | None:
    """The first unit of an engine, and the agent that has it, where that answers."""
    for host in now.hosts:
        for unit in host.units:
            if unit.engine == engine and host.agent == "running":
                agent = deployment.target.reach(host.name)
                if agent is not None:
                    return agent, unit.name
    return None
