"""What the keeper of backups needs and nobody may read, and the place where it puts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tenfold.agent.view import may
from tenfold.errors import Refused, SpecError
from tenfold.secret import Secret
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.state.layout import Layout
from tenfold.targets.local.account import Account, look


def given(
    spec: AppSpec,
    layout: Layout,
    account: Account | None,
    environ: Mapping[str, str],
    *,
    path: Path | None,
) -> dict[str, Secret]:
    """The secrets of ``[database.backup]``, by the names under which engines find them.

    Raises:
        SpecError: a variable is not set, or what is to encrypt is no key.
        Refused: the directory is not there, or its user may not write to it.
    """
    backup = spec.database.backup
    if backup is None:
        return {}
    found = read.backup_secrets(spec, environ, path=path)
    if "encryption" in found:
        require_key(found["encryption"], layout)
    if not backup.in_s3:
        require_directory(Path(backup.to), account)
    return {f"backup.{name}": value for name, value in found.items()}


def require_directory(directory: Path, account: Account | None) -> None:
    """See that backups can be written there. Raises ``Refused``.

    It is not made: on the machine where a disk is not mounted one would be made in its place.
    """
    who = account.name if account else "you"
    if not directory.is_dir():
        raise Refused(
            f"[database.backup] to: there is no directory {directory}",
            next=f"mkdir {directory}"
            + (f" && chown {account.name} {directory}" if account else "")
            + "    on another disk than the database's",
        )
    entry = look(os.path.realpath(directory))
    assert entry is not None
    fine = may(entry, 3, account.uid, account.gid) if account else os.access(directory, os.W_OK)
    if not fine:
        raise Refused(
            f"[database.backup] to: {who} may not write to {directory}",
            next=f"chown {account.name if account else os.geteuid()} {directory}",
        )


def require_key(key: Secret, layout: Layout) -> None:
    """See that this is a key. Raises ``SpecError``."""
    from tenfold.backups.seal import is_key  # a library that few need

    if not is_key(key.reveal()):
        raise SpecError(
            f"{layout.spec.name}: [database.backup] encryption: what the variable has is no key",
            next="tenfold db key    makes one: AGE-SECRET-KEY-1...",
        )
