"""Which database takes writes just now: what somebody wants to know whose command was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenfold.deployment import work
from tenfold.deployment.databases import observe_databases
from tenfold.deployment.leading import view_of
from tenfold.errors import Refused, TenfoldError
from tenfold.stages.path import BY_ITSELF
from tenfold.topology.model import Host

if TYPE_CHECKING:
    from tenfold.deployment.deployment import Deployment
    from tenfold.targets.protocol import Target
    from tenfold.topology.databases import ObservedDatabase


@contextmanager
def told(deployment: Deployment) -> Iterator[None]:
    """Have whatever is refused while the block runs say where writes go."""
    try:
        yield
    except Refused as refused:
        if refused.changed in (None, "nothing"):
            found = where(deployment)
            refused.changed = refused.changed if found is None else f"nothing; {found}"
        raise


def where(deployment: Deployment) -> str | None:
    """Where they go, in words, looked for now; ``None`` where the database is not Tenfold's, or
    nobody can say."""
    try:
        intent = work.serving(deployment)
        if deployment.position in BY_ITSELF:
            view = view_of(intent.blueprint)
            leader = None if view is None else view.leader
            return None if leader is None else f"writes go to {leader.name}/postgres"
        return sentence(observe_databases(intent))
    except TenfoldError:  # what was refused counts; that this could not be seen is told by status
        return None


def called(host: str, there: Target, here: Target) -> str:
    """A host of the target ``there``, as it is called ``here``: where everything was settled last,
    and so by ``status``. Hosts change their names from stage to stage."""
    place = there.locate(Host(host))
    names = (name for name in here.hosts() if here.locate(Host(name)) == place)
    return next(names, host)


def sentence(databases: Mapping[str, ObservedDatabase]) -> str | None:
    """What their disks and servers say of where writes go."""
    leaders = [d for d in databases.values() if d.role == "leader"]
    if len(leaders) == 1:
        (leader,) = leaders
        if leader.running:
            return f"writes go to {leader.path}"
        return f"writes wait for {leader.path}, which leads and does not run"
    if leaders or any(d.role == "unknown" for d in databases.values()):
        return None
    fenced = [d.path for d in databases.values() if d.role == "fenced"]
    if fenced:
        return f"no database takes writes: {fenced[0]} was fenced, and no other one leads yet"
    return None
