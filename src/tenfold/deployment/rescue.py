"""Standing by while requests wait: whoever made them wait may be killed, or stand still.

A second process, started before the hold, reads from a pipe. When the pipe ends without a word, the
command is gone. When the command is silent for longer than it said, it stands still (a terminal
that takes no more output, SIGSTOP), and is ended. Either way, and when it ended by itself without
having let everybody go, requests are let go on then: the switch is finished if it was made, and
taken back if it was not. If this process is killed too, the agent's own bound ends the hold.

A rehearsal has somebody stand by as well, who removes the copy of a command that was killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tenfold.state.layout import ENVIRONMENT
from tenfold.transitions.pause import VARIABLE

if TYPE_CHECKING:
    from tenfold.state.layout import Layout

ALL_IS_WELL = b"well"
NOBODY_WAITS = b"-"
LOG = "rescue.log"
END_SECONDS = 10.0
LET_GO = ("resume", "--let-go")
"""What is to be done for users who wait."""

Expect = Callable[[float | None], None]
"""Tells who stands by how long from now the next word may take; ``None``: nobody waits."""


@contextlib.contextmanager
def standing_by(
    layout: Layout,
    then: Sequence[str] = LET_GO,
    waits: Callable[[], bool] = lambda: False,
) -> Iterator[Expect]:
    """Have somebody stand by while the block runs. Ctrl-Z is without effect in it.

    ``then`` is the command of Tenfold's that is given when this one is killed; and when it ends
    while somebody still ``waits``, once it has let go of the deployment.
    """
    reading, writing = os.pipe()
    log = os.open(layout.state / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    environment[ENVIRONMENT] = layout.environment or ""
    arguments = (str(layout.project), str(reading), str(os.getpid()), *then)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(reading,),
            env=environment,
            start_new_session=True,
        )
    finally:
        os.close(reading)
        os.close(log)

    def say(word: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it was killed; nobody needs it any more
            os.write(writing, word + b"\n")

    def expect(seconds: float | None) -> None:
        say(NOBODY_WAITS if seconds is None else str(seconds).encode())

    try:
        with _without_a_stop_key():
            yield expect
    finally:
        left = waits()
        if not left:
            say(ALL_IS_WELL)
        os.close(writing)
        if not left:
            process.wait(END_SECONDS)


@contextlib.contextmanager
def _without_a_stop_key() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)


class Watch:
    """What the command said last. Pure; ``now`` is in monotonic seconds."""

    def __init__(self) -> None:
        self.is_well = False
        self.deadline: float | None = None
        self._pending = b""

    def hear(self, data: bytes, now: float) -> None:
        """More came out of the pipe."""
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if line == ALL_IS_WELL:
                self.is_well = True
            else:
                self.deadline = None if line == NOBODY_WAITS else now + float(line)

    def patience(self, now: float) -> float | None:
        """How long to wait for the next word; ``None``: for ever."""
        return None if self.deadline is None else max(0.0, self.deadline - now)


def main(arguments: list[str]) -> int:
    """``python -m tenfold.deployment.rescue PROJECT FD PID COMMAND...``."""
    project, number, parent, *then = arguments
    end = _hold_of(int(parent))
    watch, pipe = Watch(), int(number)
    while not watch.is_well:
        ready, _, _ = select.select([pipe], [], [], watch.patience(time.monotonic()))
        if not ready:
            _say(f"the command {parent} stands still while requests wait: it is ended")
            end()
            break
        data = os.read(pipe, 4096)
        if not data:
            _say(f"the command {parent} is gone, or ended while requests wait")
            break
        watch.hear(data, time.monotonic())
    if watch.is_well:
        return 0
    return subprocess.run(
        [sys.executable, "-P", "-m", "tenfold", *then, "--dir", project],
        cwd=Path("/"),
        check=False,
    ).returncode


def _hold_of(parent: int) -> Callable[[], None]:
    """How to end the command that started this process, and nobody else."""
    handle = None
    with contextlib.suppress(ProcessLookupError):  # it may be gone before anybody stood by
        handle = os.pidfd_open(parent) if hasattr(os, "pidfd_open") else None
    is_it = os.getppid() == parent  # asked with the handle at hand: it was no one else's pid yet

    def end() -> None:
        if not is_it:
            return
        with contextlib.suppress(ProcessLookupError):
            if handle is not None:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            elif os.getppid() == parent:
                os.kill(parent, signal.SIGKILL)

    return end


def _say(text: str) -> None:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    print(f"{stamp} {text}", flush=True)  # noqa: T201 - its log


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
