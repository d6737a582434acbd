"""As whom the by-hand side runs: as us, or, when we are root, as nobody, as Tenfold's side does."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

NOBODY = "nobody"


def as_ordinary_user() -> tuple[str, ...]:
    """What to put before a command so that it does not run as root; it replaces itself.

    The program may lie under a closed directory (an interpreter in ``/root``), so the right to pass
    such directories is kept. It is the only one, and costs nothing while serving.
    """
    if os.geteuid() != 0:
        return ()
    user = pwd.getpwnam(NOBODY)
    return (
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        "--inh-caps=+dac_read_search",
        "--ambient-caps=+dac_read_search",
    )


def give(*paths: Path) -> None:
    """Let the ordinary user own these trees."""
    if os.geteuid() != 0:
        return
    user = pwd.getpwnam(NOBODY)
    for top in paths:
        for path in (top, *top.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
