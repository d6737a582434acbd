"""One command at a time: a lock that names its holder and cannot go stale.

The kernel holds it (``flock``), so that it ends with the process however that ends; the file beside
it says who, why and since when. A *reservation* is a lock that a person sets for longer.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from tenfold.errors import Locked, Refused

LOOK_EVERY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock. ``since`` is in seconds since the epoch."""

    pid: int
    user: str
    reason: str
    since: float

    def age(self, now: float) -> str:
        """How long, for people: ``12 s``, ``3 min``, ``2 h``."""
        seconds = max(0, int(now - self.since))
        if seconds < 120:
            return f"{seconds} s"
        return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


class Lock:
    """The deployment's lock.

    Args:
        path: the lock file; a second file ``path.reserved`` holds a reservation.
        now: the clock, in seconds since the epoch.
    """

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._reservation = path.with_name(path.name + ".reserved")
        self._now = now

    @contextlib.contextmanager
    def hold(
        self, reason: str, *, despite_reservation: bool = False, wait_seconds: float = 0.0
    ) -> Iterator[None]:
        """Hold the lock while the block runs.

        Raises:
            Locked: another command has it, also after ``wait_seconds``, or a person reserved the
                deployment.
        """
        reserved = self.reservation()
        if reserved and not despite_reservation:
            raise Locked(
                f"reserved by {reserved.user} {reserved.age(self._now())} ago: {reserved.reason}",
                next="tenfold lock release   when that is over",
            )
        descriptor = self._open()
        try:
            self._take(descriptor, wait_seconds)
            self._write(descriptor, reason)
            yield
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def holder(self) -> Holder | None:
        """Who is at work right now; ``None`` if nobody is, whatever the file says."""
        if not self._path.exists():
            return None
        descriptor = self._open()
        try:
            if _try_flock(descriptor):
                return None
            return self._read(descriptor)
        finally:
            os.close(descriptor)

    def reserve(self, reason: str) -> None:
        """Keep every other command away until :meth:`release`, across processes and restarts.

        Raises:
            Locked: it is reserved already.
            Refused: the disk does not take it.
        """
        reserved = self.reservation()
        if reserved:
            raise Locked(
                f"already reserved by {reserved.user} {reserved.age(self._now())} ago:"
                f" {reserved.reason}"
            )
        holder = Holder(os.getpid(), user(), reason, self._now())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(self._reservation, flags, 0o644), "w") as file:
                json.dump(asdict(holder), file)
        except OSError as error:
            self._reservation.unlink(missing_ok=True)
            raise Refused(f"{self._reservation} cannot be written: {error.strerror}") from error

    def release(self) -> bool:
        """End a reservation; ``False`` if there was none."""
        existed = self._reservation.exists()
        self._reservation.unlink(missing_ok=True)
        return existed

    def reservation(self) -> Holder | None:
        """The reservation, if there is one."""
        if not self._reservation.exists():
            return None
        return _parse(self._reservation.read_text())

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise Refused(
                f"the lock {self._path} cannot be opened: {error.strerror}",
                next="run as the user that brought this deployment up",
            ) from error

    def _take(self, descriptor: int, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds
        while not (taken := _try_flock(descriptor)) and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_SECONDS)
        if taken:
            return
        holder = self._read(descriptor)
        what = "another command is at work"
        if holder:
            age = holder.age(self._now())
            what = f"{holder.reason} is at work since {age} (pid {holder.pid}, {holder.user})"
        raise Locked(what, next="wait for it, or look with  tenfold lock")

    def _write(self, descriptor: int, reason: str) -> None:
        """What holds is the kernel's lock: a full disk, which takes no name, lets nobody in."""
        holder = Holder(os.getpid(), user(), reason, self._now())
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(asdict(holder)).encode(), 0)

    def _read(self, descriptor: int) -> Holder | None:
        return _parse(os.pread(descriptor, 4096, 0).decode(errors="replace"))


def _parse(text: str) -> Holder | None:
    """A holder; ``None`` for the moment in which a new holder has not written itself yet."""
    try:
        return Holder(**json.loads(text))
    except (ValueError, TypeError):
        return None


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def user() -> str:
    """Whoever gives this command, as the shell says it, else as the system knows it."""
    named = os.environ.get("USER") or os.environ.get("LOGNAME")
    if named:
        return named
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
