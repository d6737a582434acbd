"""Who did what, when, and how it ended: ``audit.jsonl``, only ever appended to.

A record is written before a command begins and another when it ends, each durable before anything
goes on. One that has no end was killed, or still runs: its process tells which.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tenfold.errors import Refused

FORMAT = 1
MAX_BYTES = 4 << 20
KEEP = 5
Outcome = Literal["done", "refused", "failed", "interrupted", "handed over", "running", "killed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One command, from its beginning to its end. Times are in seconds since the epoch."""

    began: Mapping[str, Any]
    ended: Mapping[str, Any] | None

    @property
    def outcome(self) -> Outcome:
        """How it ended; of one without an end, whether its process is still there."""
        if self.ended is not None:
            outcome: Outcome = self.ended["outcome"]
            return outcome
        return "running" if _started(self.began["pid"]) == self.began["started"] else "killed"

    @property
    def seconds(self) -> float | None:
        """How long it took, if it ended."""
        return None if self.ended is None else round(self.ended["at"] - self.began["at"], 3)

    def to_json(self) -> dict[str, Any]:
        """Everything that is known, as one object."""
        began = {k: v for k, v in self.began.items() if k not in ("record", "format", "started")}
        ended = self.ended or {}
        return {
            **began,
            "outcome": self.outcome,
            "seconds": self.seconds,
            **{key: ended.get(key) for key in ("code", "error", "release_after", "stage_after")},
        }


@dataclass(frozen=True, slots=True)
class AgentDeed:
    """What the agent of a host did by itself, with nobody's order."""

    id: str
    at: float
    host: str
    what: str

    def to_json(self) -> dict[str, Any]:
        """Everything that is known, as one object."""
        return {
            "id": self.id,
            "at": self.at,
            "command": None,
            "agent": self.host,
            "what": self.what,
            "outcome": "by itself",
        }


class Log:
    """The audit log of one deployment.

    Args:
        path: the file; older ones lie beside it as ``audit.1.jsonl`` and so on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record, durably.

        Raises:
            Refused: it cannot be written.
        """
        line = json.dumps({"format": FORMAT, **record}, ensure_ascii=True).encode() + b"\n"
        try:
            with self._alone():
                self._turn_over(len(line))
                descriptor = self._open()
                try:
                    os.write(descriptor, _after(descriptor) + line)
                    os.fsync(descriptor)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise Refused(f"{self._path} cannot be written: {error.strerror}") from error

    def entries(self) -> tuple[Entry, ...]:
        """Every command that is still known, the oldest first.

        Raises:
            Refused: a file cannot be read.
        """
        begun: dict[str, Mapping[str, Any]] = {}
        ended: dict[str, Mapping[str, Any]] = {}
        kinds = {"begin": begun, "end": ended}
        for record in self._records():
            if record["record"] in kinds:
                kinds[record["record"]][record["id"]] = record
        return tuple(Entry(record, ended.get(id_)) for id_, record in begun.items())

    def deeds(self) -> dict[str, AgentDeed]:
        """What agents did by themselves, by its id, the oldest first.

        Raises:
            Refused: a file cannot be read.
        """
        return {
            r["id"]: AgentDeed(r["id"], r["at"], r["host"], r["what"])
            for r in self._records()
            if r["record"] == "deed"
        }

    def _records(self) -> Iterator[dict[str, Any]]:
        for path in (*(self._old(n) for n in range(KEEP, 0, -1)), self._path):
            try:
                text = path.read_text("utf-8")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise Refused(f"{path} cannot be read: {error.strerror}") from error
            for line in text.splitlines():
                try:
                    yield json.loads(line)
                except ValueError:  # a line that a power cut left half-written
                    continue

    def _turn_over(self, more_bytes: int) -> None:
        try:
            size = self._path.stat().st_size
        except FileNotFoundError:
            return
        if size + more_bytes <= MAX_BYTES:
            return
        for number in range(KEEP - 1, 0, -1):
            if self._old(number).exists():
                self._old(number).replace(self._old(number + 1))
        self._path.replace(self._old(1))

    def _old(self, number: int) -> Path:
        return self._path.with_name(f"audit.{number}.jsonl")

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise Refused(f"{self._path} is no file", next="remove it")
        return descriptor

    @contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _after(descriptor: int) -> bytes:
    """What a line needs before it, should a power cut have left half of the one before."""
    size = os.fstat(descriptor).st_size
    return b"" if not size or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n"


def process() -> dict[str, Any]:
    """This process as a record names it: so that nobody takes another one for it later."""
    return {"pid": os.getpid(), "started": _started(os.getpid())}


def _started(pid: int) -> str | None:
    """When a process was started, in the kernel's words; ``None`` if there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot[:8]}/{fields[19]}"
