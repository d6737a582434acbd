"""Removing a deployment with all its data. There is no way back.

Whoever is cut off leaves either a deployment, or what is recognized as the rest of one and deleted
by the same command (:func:`finish`), never a database without the journal that knew it.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tenfold.deployment.deployment import Deployment
from tenfold.deployment.journal import is_half_deleted
from tenfold.errors import Refused, TenfoldError
from tenfold.state.lock import Lock

if TYPE_CHECKING:
    from pathlib import Path

    from tenfold.state.layout import Layout


def delete_everything(deployment: Deployment) -> None:
    """Have no host be one, then delete the journal and the folder. All must be stopped already.

    Raises:
        Refused: something still runs.
        TenfoldError: a file could not be removed; names it.
    """
    if any(h.agent == "running" for h in deployment.observe().hosts):
        raise Refused("something still runs; nothing was deleted", next="tenfold down")
    for host in deployment.target.hosts():
        deployment.target.set_aside(host)
    deployment.journal.close()
    state = deployment.layout.state
    for journal in state.glob("journal.db*"):
        journal.unlink()  # before any file, so that nothing left is taken for a deployment
    _delete(state)


def finish(layout: Layout) -> None:
    """Go on with a deletion that was cut off when the journal was gone.

    Raises:
        Locked: another command is at work.
        Refused: the folder is a link, or has one in it: then it is not what Tenfold left.
        TenfoldError: a file could not be removed; names it.
    """
    layout.create()
    with Lock(layout.lock).hold("tenfold down"):
        if is_half_deleted(layout):
            _delete(layout.state)


def _delete(state: Path) -> None:
    hosts = state / "hosts"
    try:
        for entry in sorted(state.iterdir()):
            if entry.is_symlink() or not entry.is_dir():
                entry.unlink()
            elif entry != hosts:
                shutil.rmtree(entry)
        if hosts.exists():
            shutil.rmtree(hosts)  # last: it tells what the rest is
        state.rmdir()
    except OSError as error:
        raise TenfoldError(
            f"{error.filename} could not be removed: {error.strerror}",
            changed=f"part of {state} is gone",
            next=f"mend that, then  rm -r {state}",
        ) from error
