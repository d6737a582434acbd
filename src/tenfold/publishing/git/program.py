"""Run git as its user has it set up, bounded, asking nobody, and with a token in no argument."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tenfold.errors import Refused
from tenfold.secret import Secret

LOCAL_SECONDS = 600.0
REMOTE_SECONDS = 3600.0
_SSH = (
    "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
)
_ASKED = """\
#!/bin/sh
# Answers git, which asks for "Username for 'URL': " and "Password for 'URL': "; for one host alone.
case "$1" in
  *" for '$TENFOLD_GIT_ORIGIN'"*|*" for '$TENFOLD_GIT_ORIGIN/"*) ;;
  *"//$TENFOLD_GIT_USER@$TENFOLD_GIT_HOST'"*|*"//$TENFOLD_GIT_USER@$TENFOLD_GIT_HOST/"*) ;;
  *) exit 1 ;;
esac
case "$1" in
  Username*) printf '%s\\n' "$TENFOLD_GIT_USER" ;;
  Password*) printf '%s\\n' "$TENFOLD_GIT_TOKEN" ;;
  *) exit 1 ;;
esac
"""
# What would lead git into another repository than ours, or have it run or tell more.
_NOT_OURS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE",
             "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_COMMON_DIR", "GIT_TRACE", "GIT_TRACE_CURL",
             "GIT_CURL_VERBOSE", "GIT_TRACE_PACKET", "SSH_ASKPASS", "GIT_PREFIX")  # fmt: skip


class GitFailed(Exception):
    """git exited with another code than 0; ``said`` is what it printed, without the token."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


@dataclass(frozen=True, slots=True)
class Login:
    """Who pushes over https; the user name is whatever the host takes beside a token."""

    url: str
    user: str
    token: Secret


class Git:
    """git in one bare repository of ours.

    Args:
        folder: the repository.
        login: for a remote that asks for one.
        environ: of whoever publishes: agent, configuration and home are theirs.
    """

    def __init__(
        self, folder: Path, login: Login | None = None, *, environ: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._login = login
        self._environ = dict(os.environ if environ is None else environ)
        self._program = shutil.which("git", path=self._environ.get("PATH"))
        if self._program is None:
            raise Refused("there is no git on PATH", next="install git")
        self._ssh = self._how_to_ssh()

    def local(self, *arguments: str, given: bytes = b"", index: Path | None = None) -> str:
        """What a command that asks nobody else prints. Raises ``GitFailed``."""
        more = {"GIT_INDEX_FILE": str(index)} if index is not None else {}
        return self._run(arguments, {**self._basic(), **more}, given, LOCAL_SECONDS)

    def remote(self, *arguments: str) -> str:
        """What a command that talks with the remote prints, all of it. Raises ``GitFailed``."""
        with self._asking() as asked:
            return self._run(arguments, {**self._basic(), **asked}, b"", REMOTE_SECONDS, both=True)

    def _basic(self) -> dict[str, str]:
        kept = {k: v for k, v in self._environ.items() if k not in _NOT_OURS}
        return {
            **kept,
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_ASKPASS": "false",  # it answers nothing, and git says what it would have asked
            "GCM_INTERACTIVE": "never",
            **self._ssh,
        }

    def _how_to_ssh(self) -> dict[str, str]:
        """ssh that asks nothing, unless the user says how to call it."""
        if "GIT_SSH_COMMAND" in self._environ or "GIT_SSH" in self._environ:
            return {}
        assert self._program is not None
        own = subprocess.run(
            [self._program, "config", "--get", "core.sshCommand"],
            env={**self._environ, "LC_ALL": "C"},
            cwd="/",
            capture_output=True,
            check=False,
        )
        return {} if own.stdout.strip() else {"GIT_SSH_COMMAND": _SSH}

    @contextmanager
    def _asking(self) -> Iterator[dict[str, str]]:
        """The variables with which git is told the token, where there is one."""
        if self._login is None:
            yield {}
            return
        parts = urlsplit(self._login.url)
        helper = self._folder / "tenfold-askpass"
        helper.write_text(_ASKED)
        helper.chmod(0o700)
        yield {
            "GIT_ASKPASS": str(helper),
            "TENFOLD_GIT_ORIGIN": f"{parts.scheme}://{parts.netloc}",
            "TENFOLD_GIT_HOST": parts.netloc,
            "TENFOLD_GIT_USER": self._login.user,
            "TENFOLD_GIT_TOKEN": self._login.token.reveal(),
        }

    def _options(self) -> Iterator[str]:
        settings = {
            "core.hooksPath": "/dev/null",
            "core.fsync": "none",  # what a power cut takes of it is fetched anew
            "gc.auto": "0",
            "maintenance.auto": "false",
            "http.followRedirects": "false",
            "http.lowSpeedLimit": "1000",
            "http.lowSpeedTime": "60",
            "protocol.version": "2",
            "advice.pushUpdateRejected": "false",
        }
        if self._login is not None:
            settings["credential.helper"] = ""
        for name, value in settings.items():
            yield from ("-c", f"{name}={value}")

    def _run(
        self,
        arguments: Sequence[str],
        env: Mapping[str, str],
        given: bytes,
        seconds: float,
        *,
        both: bool = False,
    ) -> str:
        assert self._program is not None
        process = subprocess.Popen(
            [self._program, *self._options(), f"--git-dir={self._folder}", *arguments],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            printed, said = process.communicate(given, timeout=seconds)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise GitFailed(f"git did not end within {seconds / 60:g} min") from None
            raise
        told = self._masked(said.decode(errors="replace"))
        text = printed.decode("utf-8", "surrogateescape")
        if process.returncode != 0:
            raise GitFailed(f"{told}\n{text if both else ''}".strip())
        return f"{text}{told}" if both else text

    def _masked(self, text: str) -> str:
        return self._login.token.masked_in(text) if self._login is not None else text
