"""Removing a deployment with all its data. There is no way back."""

from __future__ import annotations

import shutil

from tenfold.deployment.deployment import Deployment
from tenfold.errors import Refused, TenfoldError


def delete_everything(deployment: Deployment) -> None:
    """Destroy every host, then the state folder. Everything must be stopped already.

    Raises:
        Refused: something still runs.
        TenfoldError: a file could not be removed; names it.
    """
    if any(h.agent == "running" for h in deployment.observe().hosts):
        raise Refused("something still runs; nothing was deleted", next="tenfold down")
    deployment.journal.close()
    for journal in deployment.layout.state.glob("journal.db*"):
        journal.unlink()  # first, so that nothing left behind is taken for a deployment
    for host in deployment.target.hosts():
        deployment.target.destroy(host)
    state = deployment.layout.state
    try:
        shutil.rmtree(state)
    except OSError as error:
        raise TenfoldError(
            f"{error.filename} could not be removed: {error.strerror}",
            changed=f"part of {state} is gone",
            next=f"remove {state} by hand",
        ) from error
