"""Making a backup: the cluster by ``pg_basebackup``, user files as a tar, what it is at the end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event, Thread
from typing import IO, BinaryIO, cast

from tenfold.backups import archiving, names
from tenfold.backups.catalogue import Backup, Part, look, objects
from tenfold.backups.config import Config
from tenfold.backups.deciding import expired, unneeded
from tenfold.backups.faults import Fault
from tenfold.backups.files import tar_stream
from tenfold.backups.parts import put_parts
from tenfold.backups.seal import Sealer
from tenfold.backups.store import Store

Tell = Callable[[str], None]
_POINT = re.compile(rb"START WAL LOCATION: ([0-9A-F]+)/([0-9A-F]+) .*?START TIMELINE: (\d+)", re.S)
_STOP = re.compile(rb"STOP WAL LOCATION: ([0-9A-F]+)/([0-9A-F]+) ")
HEAD_BYTES = 64 << 10
"""The label, which says where the log begins, is the first file of a copy."""
LOG_LINES = 20


@dataclass(frozen=True, slots=True)
class Server:
    """What must be known of the server to copy it: segment size in bytes, and its version."""

    segment_bytes: int
    version: str


def take(
    config: Config, store: Store, sealer: Sealer, lineage: str, server: Server, tell: Tell
) -> Backup:
    """Copy everything; when it returns, the backup is complete and in the catalogue.

    What earlier attempts left is removed first. Raises ``Fault``.
    """
    began = time.time()
    id = names.new_id(began)
    _sweep(store, lineage, id)
    with _copy(config, id) as source:
        counted = _Counted(source.stream)
        with sealer.sealing(cast(BinaryIO, counted)) as sealed:
            parts = put_parts(
                store,
                lineage,
                partial(names.part, id, "base", sealer.suffix),
                sealed,
                lambda there: tell(f"{_size(counted.bytes)} copied, {_size(there)} there"),
            )
        tell("waiting until its log is in the archive")
        source.finish()
    # From here on: whoever goes to this moment needs nothing that was not there at its end.
    ended = time.time()
    timeline, position = _start(counted.head)
    first = names.segment_at(timeline, position, server.segment_bytes)
    label = names.label(first, position, server.segment_bytes)
    last = _end(archiving.fetch(store, sealer, lineage, label))
    kept, storage_bytes = _storage(config, store, sealer, lineage, id, tell)
    backup = Backup(
        id=id,
        lineage=lineage,
        began=began,
        ended=ended,
        timeline=timeline,
        first_wal=first,
        segment_bytes=server.segment_bytes,
        version=server.version,
        content_bytes=counted.bytes,
        encrypted=sealer.key is not None,
        parts=parts,
        storage=kept,
        storage_dirs=config.storage_dirs,
        storage_bytes=storage_bytes,
        last_position=last,
    )
    text = json.dumps(backup.to_json(), indent=1).encode()
    store.put(f"{lineage}/{names.about(id)}", text, replace=True)
    return backup


def let_go(store: Store, lineage: str, keep_seconds: float, now: float) -> tuple[str, ...]:
    """Delete what no wanted moment needs any more; gives the backups' ids. Raises ``Fault``."""
    found = look(store, lineage)
    old = expired(found.backups, now, keep_seconds)
    for backup in old:
        store.delete(objects(backup))
    left = [b for b in found.backups if b not in old]
    if left:
        there = (entry.name for entry in store.list(f"{lineage}/{names.WAL}"))
        store.delete(unneeded(there, left[0]))
    return tuple(backup.id for backup in old)


def _sweep(store: Store, lineage: str, but: str) -> None:
    """Remove what backups that broke off have left."""
    for id in look(store, lineage).unfinished:
        if id != but:
            prefix = f"{lineage}/{names.BACKUPS}{id}/"
            store.delete([entry.name for entry in store.list(prefix)])


def _storage(
    config: Config, store: Store, sealer: Sealer, lineage: str, id: str, tell: Tell
) -> tuple[tuple[Part, ...], int]:
    if not config.storage_dirs:
        return (), 0
    tell("copying user files")
    with tar_stream(config.storage, config.storage_dirs) as tar:
        counted = _Counted(tar)
        with sealer.sealing(cast(BinaryIO, counted)) as sealed:
            name = partial(names.part, id, "storage", sealer.suffix)
            parts = put_parts(
                store,
                lineage,
                name,
                sealed,
                lambda there: tell(f"user files: {_size(there)} there"),
            )
    return parts, counted.bytes


def _start(head: bytes) -> tuple[int, int]:
    """Timeline and position at which a copy's log begins, by its label."""
    found = _POINT.search(head)
    if found is None:
        raise Fault("own", "the copy does not say where its log begins")
    return int(found[3]), (int(found[1], 16) << 32) + int(found[2], 16)


def _end(label: bytes) -> int:
    """Where the log of a copy may end at the earliest, by what the server archived about it."""
    found = _STOP.search(label)
    if found is None:
        raise Fault("own", "the archive does not say where the copy's log ends")
    return (int(found[1], 16) << 32) + int(found[2], 16)


class _Counted:
    """A stream that counts what is read of it, and keeps how it begins."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner
        self.bytes = 0
        self.head = b""

    def read(self, size: int = -1) -> bytes:
        found = self._inner.read(size)
        self.bytes += len(found)
        if len(self.head) < HEAD_BYTES:
            self.head += found[: HEAD_BYTES - len(self.head)]
        return found


class _Copy:
    """A running ``pg_basebackup`` that writes a tar to its standard output."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._process = process
        self.stream = process.stdout
        self._said: list[str] = []
        self._over = Event()
        self._listener = Thread(target=self._listen, name="pg_basebackup", daemon=True)
        self._listener.start()

    def finish(self) -> None:
        """Wait for its end. Raises ``Fault`` if it failed."""
        code = self._process.wait()
        self._listener.join()
        if code:
            told = [s for s in self._said if "error" in s or "FATAL" in s] or self._said
            why = told[-1].removeprefix("pg_basebackup: ") if told else f"it exited {code}"
            raise Fault("own", f"pg_basebackup failed: {why}", "tenfold logs postgres")

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._said.append(line.decode(errors="replace").strip())
            if len(self._said) > 10 * LOG_LINES:
                del self._said[LOG_LINES:-LOG_LINES]


@contextmanager
def _copy(config: Config, id: str) -> Iterator[_Copy]:
    rate = config.copy_bytes_per_second // 1024
    process = subprocess.Popen(
        [
            str(config.programs / "pg_basebackup"),
            "--pgdata=-",
            "--format=tar",
            "--wal-method=none",
            "--checkpoint=fast",
            "--no-password",
            f"--label=tenfold {id}",
            f"--host={config.sockets}",
            f"--port={config.port}",
            f"--username={config.replication}",
            *([f"--max-rate={rate}"] if rate else []),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PGPASSFILE": config.passfile, "LC_ALL": "C"},
    )
    try:
        yield _Copy(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
