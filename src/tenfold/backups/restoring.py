"""Bringing a cluster back: the copy into a new directory, checked; then the log, up to a moment."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import psycopg

from tenfold.agent.store import sync_directory
from tenfold.backups import archiving, fetch, files, names
from tenfold.backups.catalogue import Backup
from tenfold.backups.faults import Fault
from tenfold.backups.feeding import Feeder
from tenfold.backups.parts import Parts
from tenfold.backups.seal import Sealer
from tenfold.backups.store import Store
from tenfold.backups.unpacking import extract

Tell = Callable[[str], None]
POLL_SECONDS = 0.1
STOP_SECONDS = 300.0
UNREACHED = "recovery ended before configured recovery target was reached"
_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")
_STOPPED = re.compile(r"recovery stopping (before|after) commit of transaction \d+, time (\S+ \S+)")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be brought back. ``target`` is a moment in seconds since the epoch, ``None`` for
    all that there is. ``superuser`` gets ``password``, where that is given. What is to go on from
    there ``lives``: its log belongs into the archive, and it is on the disk at the end. Anything
    else is a copy to look at. ``timeline`` is the history that is followed, 0 for the last one that
    there is. A ``mark`` is left in the cluster, by which it is told from another one."""

    lineage: str
    backup: Backup
    target: float | None
    superuser: str
    password: str | None = None
    lives: bool = False
    timeline: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back: ``last`` is when its last transaction was committed, as PostgreSQL
    says it, empty where the log held none; ``segments`` is how much of the log was replayed."""

    last: str
    segments: int


def unpack(
    store: Store, sealer: Sealer, wish: Wish, into: Path, programs: Path, tell: Tell
) -> None:
    """Put the copy into a directory that is not there yet, and compare it with its manifest.

    Raises:
        Fault: it is damaged (names what), or could not be had.
    """
    into.mkdir(mode=0o700, parents=True)
    parts = wish.backup.parts
    total = sum(part.size for part in parts) or 1
    with Parts(store, wish.lineage, parts) as packed:
        name = parts[0].name.rpartition(".")[0] if parts else "the backup"
        with sealer.opening(cast(BinaryIO, packed), name) as plain:
            try:
                with tarfile.open(fileobj=_Told(plain, packed, total, tell), mode="r|") as tar:  # type: ignore[call-overload]
                    strange = extract(tar, into)
                if strange:
                    named = ", ".join(strange[:3])
                    raise Fault("damaged", f"{wish.backup.id} has what no copy has: {named}")
            except (tarfile.TarError, EOFError) as error:
                raise Fault("damaged", f"{wish.backup.id} is damaged: {error}") from error
            except OSError as error:
                raise Fault("own", f"{into} cannot be written: {error.strerror}") from error
    tell("comparing every file with the backup's manifest")
    verify_files(into, programs, wish.backup)


def verify_files(data: Path, programs: Path, backup: Backup) -> None:
    """Compare a copy with its manifest, by ``pg_verifybackup``. Raises ``Fault``."""
    said = run([programs / "pg_verifybackup", "--no-parse-wal", "--quiet", data])
    if said is not None:
        raise Fault(
            "damaged", f"backup {backup.id} is not what it was: {said}", "take an earlier one"
        )


def unpack_files(store: Store, sealer: Sealer, wish: Wish, into: Path) -> tuple[str, ...]:
    """Put the user files that went along into a directory; gives what was left out."""
    parts = wish.backup.storage
    if not parts:
        return ()
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    with Parts(store, wish.lineage, parts) as packed:
        name = parts[0].name.rpartition(".")[0]
        with sealer.opening(cast(BinaryIO, packed), name) as plain:
            return files.unpack(plain, into)


def recover(
    store: Store, sealer: Sealer, wish: Wish, data: Path, programs: Path, tell: Tell
) -> Restored:
    """Replay the log into an unpacked copy up to the wished moment, and end it as a cluster of its
    own that was shut down in order. Raises ``Fault``."""
    with recovered(store, sealer, wish, data, programs, tell) as (_, restored):
        pass
    if wish.lives:
        tell("writing it through to the disk")
        for folder, _, _ in os.walk(data):
            sync_directory(Path(folder))
    return restored


@contextmanager
def recovered(
    store: Store, sealer: Sealer, wish: Wish, data: Path, programs: Path, tell: Tell
) -> Iterator[tuple[str, Restored]]:
    """As :func:`recover`; inside the block the server runs, at the directory of sockets that it
    gives, for this user alone and without passwords."""
    size = wish.backup.segment_bytes
    with tempfile.TemporaryDirectory(prefix="tf-restore-") as folder:
        place = Path(folder)
        with (
            Feeder(store, sealer, wish.lineage, size, place / "log.sock") as feeder,
            _running(data, place, programs, wish) as server,
        ):
            target = wish.target
            server.timeline = _timeline(store, sealer, wish)
            server.start(target)
            said = _until_it_leads(server, feeder, tell)
            if said is not None and target is not None and UNREACHED in said:
                # Nobody wrote between the last commit and the moment: all that there is is what
                # was wanted. PostgreSQL, which cannot know that, calls it an error.
                target = None
                server.start(target)
                said = _until_it_leads(server, feeder, tell)
            if said is not None:
                raise _failed(said, feeder)
            missing = feeder.gap() if target is None else None
            if missing is not None:
                raise Fault(
                    "damaged",
                    f"{missing} is not in {store.place}, and what comes after it is",
                    "go to a moment before it:  tenfold db restore --to TIME",
                )
            if wish.password is not None:
                _set_password(place, wish)
            log = server.log.read_text(errors="replace")
            yield folder, Restored(_last_commit(log), feeder.count)
            server.stop()


@dataclass
class _Server:
    """A server that recovers, reached by nobody but whoever made its directory of sockets."""

    data: Path
    place: Path
    programs: Path
    wish: Wish
    process: subprocess.Popen[bytes] | None = None
    timeline: int = 0

    @property
    def log(self) -> Path:
        return self.place / "log"

    def start(self, target: float | None) -> None:
        """Start it anew, to recover up to a moment."""
        (self.data / "recovery.signal").touch(mode=0o600)
        (self.place / "pg_hba.conf").write_text("local all all trust\n")
        (self.place / "pg_ident.conf").touch()
        (self.place / "postgresql.conf").write_text(_conf(self, target))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    str(self.programs / "postgres"),
                    *("-D", str(self.data), "-c", f"config_file={self.place / 'postgresql.conf'}"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "LC_ALL": "C"},
            )

    def stop(self) -> None:
        """End it in order. Raises ``Fault`` where it takes for ever."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise Fault("own", "the restored server does not stop") from None


@contextmanager
def _running(data: Path, place: Path, programs: Path, wish: Wish) -> Iterator[_Server]:
    server = _Server(data, place, programs, wish)
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.send_signal(signal.SIGQUIT)
            server.process.wait()


def _timeline(store: Store, sealer: Sealer, wish: Wish) -> int:
    """The history to follow; the last one that there is where the wanted one did not get there."""
    if wish.timeline not in (0, wish.backup.timeline):
        try:
            archiving.fetch(store, sealer, wish.lineage, names.history(wish.timeline))
        except Fault as fault:
            if fault.kind != "missing":
                raise
            return 0
    return wish.timeline


def _until_it_leads(server: _Server, feeder: Feeder, tell: Tell) -> str | None:
    """Wait until it has what was wanted and leads; gives its last words where it ends instead."""
    assert server.process is not None
    ask = [str(server.programs / "pg_isready"), f"--host={server.place}", "--quiet"]
    told = -1
    while server.process.poll() is None:
        if subprocess.run(ask, check=False).returncode == 0:
            return None
        if feeder.count != told:
            told = feeder.count
            tell(f"{told} segments of the log replayed" if told else "replaying the log")
        time.sleep(POLL_SECONDS)
    lines = server.log.read_text(errors="replace").splitlines()
    return "\n".join(line for line in lines[-40:])


def _failed(said: str, feeder: Feeder) -> Fault:
    if feeder.fault is not None:
        return feeder.fault
    errors = [line for line in said.splitlines() if "FATAL" in line or "PANIC" in line]
    why = (errors or said.splitlines() or ["it ended"])[-1].partition("FATAL:  ")[2] or said[-200:]
    return Fault("damaged", f"the log cannot be replayed: {why}", "take an earlier backup")


def _set_password(place: Path, wish: Wish) -> None:
    """The password that this deployment's superuser has: the copy knows another one's."""
    from psycopg import sql

    assert wish.password is not None
    with psycopg.connect(
        host=str(place), user=wish.superuser, dbname="postgres", autocommit=True
    ) as session:
        verifier = session.pgconn.encrypt_password(
            wish.password.encode(), wish.superuser.encode(), b"scram-sha-256"
        )
        session.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                sql.Identifier(wish.superuser), sql.Literal(verifier.decode())
            )
        )


def _last_commit(log: str) -> str:
    found = _LAST.findall(log) or [when for _, when in _STOPPED.findall(log)[:1]]
    return found[-1] if found else ""


def _conf(server: _Server, target: float | None) -> str:
    words = (sys.executable, "-I", "-S", fetch.__file__, str(server.place / "log.sock"))
    command = " ".join(shlex.quote(word).replace("%", "%%") for word in words) + ' %f "%p"'
    settings = {
        "data_directory": str(server.data),
        "hba_file": str(server.place / "pg_hba.conf"),
        "ident_file": str(server.place / "pg_ident.conf"),
        "unix_socket_directories": str(server.place),
        "unix_socket_permissions": "0700",
        "listen_addresses": "",
        "port": "5432",
        # Nobody is let in before the moment is reached; so nothing has to be as large as it was
        # where the log was written.
        "hot_standby": "off",
        # Without a command the log stays until there is one: the server's own, that of its keeper.
        "archive_mode": "on" if server.wish.lives else "off",
        "archive_command": "",
        "restore_command": command,
        "recovery_target_timeline": str(server.timeline or "latest"),
        "recovery_target_action": "promote",
        "max_prepared_transactions": "64",
        "wal_level": "logical",
        "track_commit_timestamp": "on",
        "checkpoint_timeout": "1h",
        "max_wal_size": "4GB",
        "log_min_messages": "log",
        "lc_messages": "C",
        "TimeZone": "UTC",
        "log_timezone": "UTC",
        "fsync": "on" if server.wish.lives else "off",
    }
    if target is not None:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(target))
        settings["recovery_target_time"] = f"{at}.{int(target % 1 * 1e6):06} UTC"
    quoted = {name: value.replace("'", "''") for name, value in settings.items()}
    return "".join(f"{name} = '{value}'\n" for name, value in quoted.items())


def run(command: list[object]) -> str | None:
    """Run a program to its end; gives its complaint, the first line of it, if it has one."""
    done = subprocess.run(
        [str(word) for word in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode == 0:
        return None
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[0] if lines else f"{command[0]} exited {done.returncode}"


class _Told:
    """A stream that tells how much of it came."""

    def __init__(self, plain: BinaryIO, packed: Parts, total: int, tell: Tell) -> None:
        self._plain, self._packed, self._total, self._tell = plain, packed, total, tell
        self._share = -1

    def read(self, size: int = -1) -> bytes:
        share = 100 * self._packed.read_bytes // self._total
        if share != self._share:
            self._share = share
            self._tell(f"{share} % of the copy is here")
        return self._plain.read(size)
