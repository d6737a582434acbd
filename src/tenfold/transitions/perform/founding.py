"""That a cluster of etcd is founded, noted on the hosts of its members.

A member that has lost its data does not start where that is noted (``compose.sh`` of
:mod:`tenfold.engines.etcd`): it is to be expected anew by the others. The note is beside the
configuration, since data are lost with all that is beside them. On a host that has lost everything,
it is made again from what the journal knows: that it is in etcd itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from tenfold.engines.etcd.render import data, founded, joins
from tenfold.engines.protocol import Scene
from tenfold.errors import TargetError, UnitFailed
from tenfold.targets.protocol import HostAgent
from tenfold.topology.process import Command, File
from tenfold.transitions.journal import MovableJournal
from tenfold.transitions.perform.members import care_of
from tenfold.transitions.perform.world import World

_NOTE = """
joins=$1 founded=$2
set -- "$0"/member/wal/*.wal
[ ! -e "$1" ] || { rm -f -- "$joins" && : >"$founded"; }
"""


def agreed(paths: Iterable[str], world: World) -> None:
    """Note it where a member has data; whom it joined is said no more. One that has none yet notes
    it itself, when it starts again.

    Args:
        paths: of the members.

    Raises:
        UnitFailed: it cannot be noted.
    """
    for unit, scene in (care_of(path, world) for path in paths):
        agent = None
        with suppress(TargetError):  # nobody can note anything there just now
            agent = world.target.reach(unit.host)
        if agent is None:
            continue
        argv = ("/bin/sh", "-c", _NOTE, data(scene), joins(scene), founded(scene))
        finished = agent.run(Command(argv))
        if finished.code != 0:
            raise UnitFailed(f"{founded(scene)} cannot be written", detail=finished.tail)


def known(scene: Scene, agent: HostAgent, world: World) -> None:
    """Before a member is started: note it where the journal is in etcd, and so in this cluster."""
    journal = world.journal
    if isinstance(journal, MovableJournal) and journal.place is not None:
        agent.write((File(founded(scene), ""),))
