"""A program that a person talks to, as the units' user, where Tenfold is root.

It gets a terminal of its own: on root's it could leave words to be read as root's commands.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import tty
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from tenfold.errors import TargetError

_READ_BYTES = 1 << 16


def run(argv: Sequence[str], env: Mapping[str, str], faults: int, told: int) -> int:
    """Run it to its end; gives its exit code, ``128 + number`` for a signal.

    Args:
        argv: what to execute; inherits ``faults``.
        env: its whole environment.
        faults: where it says in a line of JSON why it could not begin.
        told: the other end of that.

    Raises:
        TargetError: it could not begin.
    """
    child, terminal = pty.fork() if sys.stdin.isatty() else (os.fork(), None)
    if child == 0:
        _execute(argv, env, faults, own_session=terminal is None)
    os.close(faults)
    if terminal is not None:
        _relay(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    fault = os.read(told, 4096)
    if fault:
        raise TargetError(f"it could not be begun: {json.loads(fault)['text']}")
    return code if code >= 0 else 128 - code


def _execute(
    argv: Sequence[str], env: Mapping[str, str], faults: int, *, own_session: bool
) -> NoReturn:
    try:
        if own_session:
            os.setsid()
        os.set_inheritable(faults, True)
        os.execve(argv[0], list(argv), dict(env))  # noqa: S606 - no shell is the point
    finally:
        os._exit(127)


def _relay(terminal: int) -> None:
    """Pass on what is typed and what is shown, until the program is gone."""
    before = termios.tcgetattr(0)

    def resize(*_: Any) -> None:
        size = fcntl.ioctl(0, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)

    resize()
    handler = signal.signal(signal.SIGWINCH, resize)
    try:
        tty.setraw(0)
        _copy(terminal)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)
        os.close(terminal)


def _copy(terminal: int) -> None:
    sources = [terminal, 0]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if 0 in ready:
            typed = os.read(0, _READ_BYTES)
            if not typed:
                sources.remove(0)
            os.write(terminal, typed or b"\x04")
        if terminal in ready:
            shown = b""
            with suppress(OSError):  # EIO: nobody has the other end open any more
                shown = os.read(terminal, _READ_BYTES)
            if not shown:
                return
            os.write(1, shown)
