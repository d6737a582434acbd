"""Bringing a database back from its backups: which copy, to which moment, and where to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.backups.bringing import CLUSTER, FILES, Request, carry_out
from tenfold.backups.catalogue import Lineage, newest
from tenfold.backups.deciding import fitting
from tenfold.backups.faults import Fault
from tenfold.backups.restoring import Wish
from tenfold.deployment import backups as keeping
from tenfold.deployment.deployment import RESTORED
from tenfold.deployment.intent import ROLES
from tenfold.engines.postgresql import binaries
from tenfold.errors import Refused
from tenfold.secret import Secret
from tenfold.stages import path as stages_path
from tenfold.stages.stage_10 import database
from tenfold.state import secrets
from tenfold.topology.model import Host
from tenfold.transitions.perform.serving import STORAGE

if TYPE_CHECKING:
    from tenfold.backups.catalogue import Backup
    from tenfold.deployment.deployment import Deployment
    from tenfold.spec.model import AppSpec

Tell = Callable[[str], None]
NEVER = "nothing; nothing was touched"


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be brought back: the copy, and the moment (``None``: all that there is)."""

    lineage: Lineage
    backup: Backup
    target: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was brought back, and where it lies. ``last`` is when its last transaction was
    committed, as PostgreSQL says it; ``skipped`` are links of user files that led outside."""

    place: Path
    last: str
    segments: int
    seconds: float
    skipped: tuple[str, ...] = ()


def choose(
    found: tuple[Lineage, ...],
    target: float | None,
    *,
    archive: str | None = None,
    place: str,
    forks: Callable[[Lineage], Mapping[int, int]] = lambda _: {},
) -> Choice:
    """The copy from which a moment can be reached.

    Args:
        found: what there is.
        target: the moment, in seconds since the epoch; ``None`` for the last one.
        archive: the name of the cluster that is meant; default: the one that was alive last.
        place: where it was looked for, for people.
        forks: where the timelines before a cluster's present one were left.

    Raises:
        Refused: there is no backup, or none that reaches that moment.
    """
    if archive is not None:
        found = tuple(one for one in found if one.name == archive)
    one = newest(found)
    if one is None:
        named = f" of {archive}" if archive else ""
        raise Refused(f"there is no backup{named} in {place}", next="tenfold db backups")
    if target is not None and one.recoverable_at and target > one.recoverable_at:
        late = keeping.span(target - one.recoverable_at)
        raise Refused(
            f"that moment is {late} behind the newest one in the archive",
            next="tenfold db backups    shows between which moments one can choose;\n"
            "tenfold db restore --to latest    takes the newest",
        )
    backup = fitting(one.backups, target, one.timeline, forks(one))
    if backup is None and fitting(one.backups, target) is not None:
        raise Refused(
            "there is no backup yet of the history that the database has since it was restored",
            next="tenfold db backup    makes one",
        )
    if backup is None:
        raise Refused(
            "that moment lies before the first backup, so it cannot be reached",
            next="tenfold db backups    shows between which moments one can choose",
        )
    return Choice(one, backup, target)


def into_directory(
    deployment: Deployment,
    spec: AppSpec,
    environ: Mapping[str, str],
    chosen: Choice,
    directory: Path,
    tell: Tell,
) -> Outcome:
    """A copy to look at, in a directory that is not there yet or has nothing in it.

    Raises:
        Refused: it cannot be used.
        TenfoldError: the copy could not be made; nothing of it is left.
    """
    made_it = _prepare(directory, deployment)
    try:
        host = stages_path.app_host(stages_path.stage_of(deployment.position))
        return _carry_out(deployment, spec, environ, chosen, directory, tell, host=host)
    except BaseException:
        if made_it:
            directory.rmdir()
        raise


def anew(
    deployment: Deployment,
    spec: AppSpec,
    environ: Mapping[str, str],
    chosen: Choice,
    tell: Tell,
) -> Outcome:
    """The database of a deployment that has none (yet, or any more): the next ``up`` starts it.

    The caller holds the lock.

    Raises:
        Refused: there is one, or user files are where those of the backup belong; or the database
            fails over by itself.
        TenfoldError: it could not be made; nothing of it is left.
    """
    layout = deployment.layout
    if deployment.position in stages_path.BY_ITSELF:
        raise Refused(
            "at stage 1k a database comes back from its other members, not from a backup",
            changed="nothing",
            next="tenfold host replace NAME    builds the one that is lost anew from the others;\n"
            "if all are lost, move .tenfold away but for secrets.json: this command then begins at"
            " stage 10",
        )
    stage = stages_path.stage_of(deployment.position)
    host = stages_path.database_host(stage)
    paths = deployment.target.locate(Host(host))
    folder = Path(paths.root, "data", "postgres")
    if (folder / CLUSTER).exists():
        raise Refused(
            f"there is a database already: {folder / CLUSTER}",
            next="tenfold db restore    goes back with it, as a move that can be taken back;\n"
            "tenfold db restore --into DIR    restores beside it",
        )
    taken = [d for d in chosen.backup.storage_dirs if (layout.storage / d).exists()]
    if taken:
        raise Refused(
            f"there are user files already in {layout.storage / taken[0]}",
            next="move them away, or restore beside them:  tenfold db restore --into DIR",
        )
    generated = secrets.ensure(layout.secrets, [f"main.{role}" for role in ROLES])
    password = generated["main.superuser"]
    outcome = _carry_out(
        deployment, spec, environ, chosen, folder, tell, host=host, password=password
    )
    deployment.journal.set(RESTORED, stage)
    _place_files(folder / FILES, layout.storage, chosen.backup.storage_dirs)
    deployment.journal.set("postgresql_major", chosen.backup.major)
    known = deployment.facts().get(STORAGE, [])
    files = [d for d in chosen.backup.storage_dirs if d in spec.storage.dirs and d not in known]
    deployment.journal.set(STORAGE, [*known, *files])
    return outcome


def _carry_out(
    deployment: Deployment,
    spec: AppSpec,
    environ: Mapping[str, str],
    chosen: Choice,
    into: Path,
    tell: Tell,
    *,
    host: str,
    password: Secret | None = None,
) -> Outcome:
    """Have this host do it, as the user of the database, in that user's view."""
    destination = keeping.destination(spec, deployment.layout, environ)
    source = spec.database.postgres
    programs = binaries.find(
        prefer_path=source == "path",
        directory=source if source.startswith("/") else None,
        major=chosen.backup.major,
    )
    wish = Wish(
        lineage=chosen.lineage.name,
        backup=chosen.backup,
        target=chosen.target,
        superuser=database(spec).superuser,
        password=None if password is None else password.reveal(),
        lives=password is not None,
        timeline=chosen.lineage.timeline,
    )
    request = Request(destination, wish, into, programs.bin_dir)
    ran = deployment.target.reach(host) is not None
    agent = deployment.target.ensure(Host(host))
    try:
        heard = carry_out(agent, request, tell)
    except Fault as fault:
        raise keeping.as_error(fault, NEVER) from fault
    finally:
        if not ran:
            deployment.target.end(host)
    return Outcome(
        place=into,
        last=heard["last"],
        segments=heard["segments"],
        seconds=heard["seconds"],
        skipped=tuple(heard["skipped"]),
    )


def _prepare(directory: Path, deployment: Deployment) -> bool:
    """Have an empty directory that the database's user may write to; whether it was made now."""
    account = deployment.target.account
    try:
        made = not directory.exists()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Refused(
                f"{directory} is not empty", next="name a directory that is not there yet"
            )
        if account is not None and made:
            os.chown(directory, account.uid, account.gid)
    except OSError as error:
        raise Refused(f"{directory} cannot be used: {error.strerror}") from error
    return made


def _place_files(restored: Path, storage: Path, directories: tuple[str, ...]) -> None:
    """Have user files where releases look for them; whose they are stays."""
    if not restored.is_dir():
        return
    storage.mkdir(mode=0o711, exist_ok=True)
    for directory in directories:
        if (restored / directory).exists():
            (storage / directory).parent.mkdir(parents=True, exist_ok=True)
            (restored / directory).rename(storage / directory)
    for folder, folders, found in os.walk(restored, topdown=False):
        if not folders and not found:
            Path(folder).rmdir()
