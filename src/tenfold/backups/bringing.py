"""Carrying out a request to restore, as the user of the database, told line by line as JSON.

Everything is made below a folder of its own, ``restoring``, in the folder that is asked for; what
is whole gets its name there by a rename. What an attempt that was killed left is begun anew.
"""

from __future__ import annotations

import json
import os
import secrets as random
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tenfold.agent.store import sync_directory
from tenfold.backups import catalogue, exchanging, restoring
from tenfold.backups.config import Destination
from tenfold.backups.faults import Fault
from tenfold.backups.restoring import Wish
from tenfold.backups.seal import Sealer
from tenfold.backups.state import told
from tenfold.backups.store import open_store
from tenfold.errors import UnitFailed
from tenfold.secret import Secret
from tenfold.targets.protocol import HostAgent
from tenfold.topology.process import Command, File

UNFINISHED = "restoring"
CLUSTER = "cluster"
FILES = "storage"
RESTORE_SECONDS = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be brought back, and where to: ``into`` gets ``cluster`` and, where user files
    went along, ``storage``. ``wish`` is the rest, see :class:`tenfold.backups.restoring.Wish`."""

    destination: Destination
    wish: Wish
    into: Path
    programs: Path

    @classmethod
    def make(cls, destination: Destination, wish: Wish, into: str, programs: str) -> Request:
        """A request, of paths as texts."""
        return cls(destination, wish, Path(into), Path(programs))

    def to_json(self) -> dict[str, Any]:
        """Plain data; it has secrets in it."""
        return {
            "destination": asdict(self.destination),
            "wish": {**asdict(self.wish), "backup": self.wish.backup.to_json()},
            "into": str(self.into),
            "programs": str(self.programs),
        }


def request_from_json(data: dict[str, Any]) -> Request:
    """What :meth:`Request.to_json` gave."""
    wish = {**data["wish"], "backup": catalogue.from_json(data["wish"]["backup"])}
    return Request(
        Destination(**data["destination"]), Wish(**wish), Path(data["into"]), Path(data["programs"])
    )


def bring(path: Path) -> None:
    """Do what the file asks for and print how it goes; its last line says what came of it."""
    os.umask(0o077)
    request = request_from_json(json.loads(path.read_text()))
    path.unlink()
    try:
        print(json.dumps({"restored": restore(request)}), flush=True)  # noqa: T201
    except Fault as fault:
        print(json.dumps({"fault": told(fault)}), flush=True)  # noqa: T201
    except OSError as error:
        why = Fault("own", f"{error.filename or request.into}: {error.strerror}")
        print(json.dumps({"fault": told(why)}), flush=True)  # noqa: T201


def restore(request: Request) -> dict[str, Any]:
    """Bring it back. What is there already under the names that it makes stays, and is a fault.

    Raises:
        Fault, OSError: it could not be done; nothing of it is left.
    """
    into, wish = request.into, request.wish
    cluster, kept = into / CLUSTER, into / FILES
    for there in (cluster, kept):
        if there.exists():
            raise Fault("own", f"{there} is there already")
    began = time.monotonic()
    store, sealer = open_store(request.destination), Sealer(request.destination.key)
    work = into / UNFINISHED
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700, parents=True)
    try:
        restoring.unpack(store, sealer, wish, work / CLUSTER, request.programs, _tell)
        made = restoring.recover(store, sealer, wish, work / CLUSTER, request.programs, _tell)
        skipped = restoring.unpack_files(store, sealer, wish, work / FILES)
        if wish.mark:
            exchanging.mark(work / CLUSTER, wish.mark)
        # User files first: whoever finds a cluster finds all of it.
        for name in (FILES, CLUSTER):
            if (work / name).exists():
                (work / name).rename(into / name)
        work.rmdir()
        sync_directory(into)
    except BaseException:
        with suppress(OSError):
            shutil.rmtree(work)
        raise
    seconds = time.monotonic() - began
    return {**asdict(made), "seconds": seconds, "skipped": list(skipped)}


def _tell(text: str) -> None:
    print(json.dumps({"tell": text}), flush=True)  # noqa: T201


def hear(agent: HostAgent, command: Command, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run a command of :mod:`tenfold.backups` on a host; gives all that it said at its end.

    Raises:
        Fault: it said why it failed.
        UnitFailed: it broke off.
    """
    heard: dict[str, Any] = {}

    def take(line: str) -> None:
        data = json.loads(line) if line.startswith("{") else {}
        if "tell" in data:
            tell(data["tell"])
        heard.update(data)

    finished = agent.run(command, take)
    if "fault" in heard:
        raise Fault(**heard["fault"])
    if finished.code != 0 or set(heard) <= {"tell"}:
        raise UnitFailed("it broke off", detail=finished.tail)
    return heard


def carry_out(agent: HostAgent, request: Request, tell: Callable[[str], None]) -> dict[str, Any]:
    """Have a request carried out on a host, by the user of the database; gives what came of it.

    Raises:
        Fault, UnitFailed: it could not be; nothing of it is left.
    """
    file = f"{agent.paths.root}/config/restore-{random.token_hex(6)}.json"
    agent.write((File(file, Secret(json.dumps(request.to_json())), 0o600),))
    argv = (sys.executable, "-I", "-m", "tenfold.backups", "restore", file)
    try:
        heard = hear(agent, Command(argv, within_seconds=RESTORE_SECONDS), tell)
    finally:
        agent.run(Command(("rm", "-f", "--", file), thorough=False))
    result: dict[str, Any] = heard["restored"]
    return result
