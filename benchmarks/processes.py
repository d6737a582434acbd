"""Processes of the by-hand side: started in a session of their own, ended in order, measured."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.account import as_ordinary_user

POLL_SECONDS = 0.005
LOG_LINES = 20
TICKS = os.sysconf("SC_CLK_TCK")


class Daemon:
    """One process with a log file. Its group is killed if it does not end in time."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        fds: Sequence[int] = (),
    ) -> None:
        self.log = log
        self.argv = tuple(argv)
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*as_ordinary_user(), *argv],
                cwd=cwd or "/",
                env=clean_environment(env),
                pass_fds=tuple(fds),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self.process.pid

    def tell(self, number: signal.Signals) -> None:
        """Tell the process, not its children."""
        if self.process.poll() is None:
            self.process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM, within_seconds: float = 15.0) -> None:
        """Signal it and wait; then nothing of its group is left."""
        self.tell(number)
        try:
            self.process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()

    def check(self) -> None:
        """Raise RuntimeError with its last words if it has ended."""
        if (code := self.process.poll()) is not None:
            raise RuntimeError(f"{self.argv[0]} ended with {code}\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-LOG_LINES:])

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.wait()


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """A small environment, with byte code switched on as on any server."""
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR")}
    return {"PATH": os.defpath, **kept, "HOME": "/", "PYTHONUNBUFFERED": "1", **(extra or {})}


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    """Run a command of the by-hand side to its end.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    done = subprocess.run(
        [*as_ordinary_user(), *argv],
        cwd=cwd,
        env=clean_environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}{done.stderr}")


def wait_for(
    holds: Callable[[], bool],
    subject: str,
    *,
    within_seconds: float = 60.0,
    daemon: Daemon | None = None,
) -> None:
    """Ask every 5 ms until it holds.

    Raises:
        RuntimeError: the process that it depends on has ended.
        TimeoutError: it did not hold in time.
    """
    deadline = time.monotonic() + within_seconds
    while not holds():
        if daemon is not None:
            daemon.check()
        if time.monotonic() > deadline:
            words = daemon.last_words() if daemon is not None else ""
            raise TimeoutError(f"waited {within_seconds:g} s for {subject}\n{words}")
        time.sleep(POLL_SECONDS)


def tree(pid: int) -> list[int]:
    """The process and all that descend from it."""
    process = psutil.Process(pid)
    return [pid, *(child.pid for child in process.children(recursive=True))]


def pss_mib(pids: Iterable[int]) -> float:
    """Resident memory, where a page that n processes share counts 1/n for each (proc(5))."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def busy_seconds(pids: Iterable[int]) -> float:
    """Time on a processor so far of these processes and of all that they started.

    Those that live: schedstat, over all threads, to the nanosecond. Those that have ended: what
    their parent was told when it reaped them, in ticks of the clock.
    """
    everyone = {member for pid in pids for member in _living_tree(pid)}
    total = 0.0
    for pid in everyone:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            total += _own_seconds(pid) + _reaped_seconds(pid)
    return total


def _living_tree(pid: int) -> list[int]:
    try:
        return tree(pid)
    except psutil.NoSuchProcess:
        return []


def _own_seconds(pid: int) -> float:
    files = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(file.read_text().split()[0]) for file in files) / 1e9


def _reaped_seconds(pid: int) -> float:
    # After the name in parentheses, cutime and cstime are the 14th and 15th (proc(5)).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / TICKS
