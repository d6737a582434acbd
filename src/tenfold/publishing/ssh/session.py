"""Run a script on another machine, by the ssh that its user has set up."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

from tenfold.errors import Refused

OPTIONS: Final = (
    "-T",
    "-o", "BatchMode=yes",
    "-o", "ConnectTimeout=10",
    "-o", "ServerAliveInterval=15",
    "-o", "ServerAliveCountMax=4",
)  # fmt: skip
LOST: Final = 255
"""What ssh exits with when it was ssh that failed."""
MOST_PRINTED: Final = 256 << 20
_MOST_SAID = 20_000


@dataclass(frozen=True, slots=True)
class Answer:
    """How a script ended."""

    code: int
    printed: bytes
    said: str


@dataclass(frozen=True, slots=True)
class Session:
    """Where to, and as whom; ``None`` is what the user's configuration says."""

    host: str
    user: str | None = None
    port: int | None = None
    environ: Mapping[str, str] | None = None

    def run(
        self, script: str, *arguments: str, feed: Callable[[IO[bytes]], None] | None = None
    ) -> Answer:
        """Run the script there; ``feed`` writes what it reads.

        Raises:
            Refused: there is no ssh on this machine.
        """
        environ = os.environ if self.environ is None else self.environ
        program = shutil.which("ssh", path=environ.get("PATH"))
        if program is None:
            raise Refused("there is no ssh on PATH", next="install the OpenSSH client")
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                [program, *OPTIONS, *self._who(), "--", self.host, _command(script, arguments)],
                env={**environ, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
            printed = _carried_out(process, feed)
            said.seek(0)
            text = said.read(_MOST_SAID).decode(errors="replace")
        return Answer(process.returncode, printed, text)

    def _who(self) -> tuple[str, ...]:
        user = ("-l", self.user) if self.user else ()
        port = ("-p", str(self.port)) if self.port else ()
        return (*user, *port)


def _carried_out(
    process: subprocess.Popen[bytes], feed: Callable[[IO[bytes]], None] | None
) -> bytes:
    try:
        assert process.stdin is not None
        # A script that ended early leaves its reason on standard error.
        with suppress(BrokenPipeError):
            if feed is not None:
                feed(process.stdin)
            process.stdin.flush()
        with suppress(BrokenPipeError):
            process.stdin.close()
        assert process.stdout is not None
        printed = process.stdout.read(MOST_PRINTED)
        process.stdout.close()  # whoever prints more is ended by that
        process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return printed


def _command(script: str, arguments: tuple[str, ...]) -> str:
    """One command line for whichever shell the user has there."""
    if "'" in script:
        raise ValueError("a script is quoted with ' and must not have one")
    return f"exec sh -c '{script}' tenfold {shlex.join(arguments)}"
