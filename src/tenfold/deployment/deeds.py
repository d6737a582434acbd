"""What agents did by themselves, brought into the audit log by whoever looks next."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING

from tenfold.errors import Refused, TenfoldError
from tenfold.state.audit import AgentDeed, Log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenfold.deployment.deployment import Deployment


def known(deployment: Deployment) -> list[AgentDeed]:
    """All that the audit log and the agents that answer know of, the oldest first."""
    found = {**Log(deployment.layout.audit).deeds(), **{d.id: d for d in _told(deployment)}}
    return sorted(found.values(), key=lambda deed: deed.at)


def write_down(deployment: Deployment) -> None:
    """Have the audit log know what the agents know: theirs may go with their hosts.

    A log that cannot be written keeps nobody from working.
    """
    log = Log(deployment.layout.audit)
    with suppress(Refused):
        before = log.deeds()
        for deed in _told(deployment):
            if deed.id not in before:
                log.append({"record": "deed", **asdict(deed)})


def _told(deployment: Deployment) -> Iterator[AgentDeed]:
    """An agent that does not answer is told of elsewhere."""
    for name in deployment.target.hosts():
        with suppress(TenfoldError):
            agent = deployment.target.reach(name)
            for deed in agent.observe().deeds if agent is not None else ():
                yield AgentDeed(deed.id, deed.at, name, deed.what)
