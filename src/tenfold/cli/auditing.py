"""Has commands that change something, or look into the app's data, leave a record of themselves."""

from __future__ import annotations

import os
import pwd
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tenfold import __version__
from tenfold.cli.redaction import redacted, without
from tenfold.errors import Interrupted, Refused, TenfoldError, UsageError
from tenfold.state import app_secrets, secrets
from tenfold.state.audit import Log, Outcome, process

if TYPE_CHECKING:
    from tenfold.cli.base import Settings
    from tenfold.state.layout import Layout

AUDITED = frozenset({
    "up", "down", "deploy", "rollback", "rehearse", "grow", "shrink", "resume", "abort", "reverse",
    "complete", "run", "jobs run", "console", "psql", "secrets set", "secrets unset",
    "secrets import", "maintenance on", "maintenance off", "lock acquire", "lock release",
    "db import", "export static", "publish",
})  # fmt: skip
BEGINS = frozenset({"up", "secrets set", "secrets import", "lock acquire", "publish"})
"""May be the first command of all: they make the deployment's folder themselves."""

ONLY_LOOKS = ("dry_run", "listing", "workflow")
"""Options with which a command changes nothing."""

ERROR_CHARACTERS = 500
_Made = TypeVar("_Made")
_NOBODY = 2**32 - 1


class Recording:
    """The record of one command while it runs; ``stray`` are arguments that nobody asked for."""

    def __init__(
        self,
        log: Log,
        layout: Layout,
        command: str,
        arguments: Sequence[str],
        stray: Sequence[str] = (),
    ) -> None:
        self._log = log
        self._layout = layout
        self._id = os.urandom(8).hex()
        self._over = False
        self._known = _known(layout)
        release, stage = _position(layout)
        self._log.append({
            "record": "begin",
            "id": self._id,
            "at": time.time(),
            "command": command,
            "arguments": list(redacted(arguments, (*self._known, *stray))),
            **who(),
            **process(),
            "tenfold": __version__,
            "environment": layout.environment,
            "release_before": release,
            "stage_before": stage,
        })  # fmt: skip

    def end(self, outcome: Outcome, *, code: int | None = None, error: str | None = None) -> None:
        """Say how it ended, once; nothing if everything was deleted meanwhile."""
        if self._over or not self._layout.state.is_dir():
            return
        self._over = True
        release, stage = _position(self._layout)
        text = without(error, [*self._known, *_known(self._layout)]) if error else None
        self._log.append({
            "record": "end",
            "id": self._id,
            "at": time.time(),
            "outcome": outcome,
            "code": code,
            "error": text[:ERROR_CHARACTERS] if text else None,
            "release_after": release,
            "stage_after": stage,
        })  # fmt: skip


@contextmanager
def recorded(settings: Settings, context: click.Context) -> Iterator[None]:
    """Record the command that runs in the block, if it is one of those that are.

    A log that cannot be written is told, and keeps nobody from working: a full disk must not keep
    an app from being stopped.
    """
    recording = _begun(settings, context)
    settings.recording = recording
    if recording is None:
        yield
        return
    try:
        yield
    except BaseException as error:
        outcome, more = _outcome(error)
        _written(lambda: recording.end(outcome, **more))
        raise
    _written(lambda: recording.end("done", code=0))


def _begun(settings: Settings, context: click.Context) -> Recording | None:
    command = _name(context)
    if command not in AUDITED or any(context.params.get(name) for name in ONLY_LOOKS):
        return None
    with suppress(TenfoldError):  # the command itself tells what is wrong with its folder
        layout = settings.layout()
        if command in BEGINS:
            layout.create()
        if not layout.state.is_dir():
            return None
        log, given, stray = Log(layout.audit), settings.arguments, tuple(context.args)
        return _written(lambda: Recording(log, layout, command, given, stray))
    return None


def _name(context: click.Context) -> str:
    """``secrets set``, ``maintenance on``: what is done, without the options of how."""
    name = context.command_path.partition(" ")[2]
    action = context.params.get("action")
    return f"{name} {action}" if isinstance(action, str) else name


def _written(write: Callable[[], _Made]) -> _Made | None:
    try:
        return write()
    except Refused as error:
        print(f"  ! the audit log is not complete: {error.what}", file=sys.stderr)
        return None


def _outcome(error: BaseException) -> tuple[Outcome, Mapping[str, Any]]:
    """What an exception means for the record."""
    match error:
        case SystemExit():
            code = error.code if isinstance(error.code, int) else 1 if error.code else 0
            return ("failed" if code else "done"), {"code": code}
        case KeyboardInterrupt() | click.Abort() | Interrupted():
            return "interrupted", {"code": Interrupted.exit_code}
        case Refused() | UsageError():
            return "refused", {"code": error.exit_code, "error": error.what}
        case TenfoldError():
            return "failed", {"code": error.exit_code, "error": error.what}
    return "failed", {"code": 1, "error": type(error).__name__}


def who() -> dict[str, Any]:
    """Whoever gives this command, as far as the system knows.

    ``login`` is the user who logged in, also behind ``sudo`` and ``su``, where that is known.
    """
    return {"user": _user(os.getuid()), "login": _login(), "tty": _tty()}


def _login() -> str | None:
    with suppress(OSError, ValueError):
        uid = int(Path("/proc/self/loginuid").read_text())
        if uid != _NOBODY:
            return _user(uid)
    return os.environ.get("SUDO_USER")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _tty() -> str | None:
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            return os.ttyname(descriptor)
    return None


def _known(layout: Layout) -> tuple[str, ...]:
    """Every secret of this deployment, so that none is written down."""
    found: list[str] = []
    with suppress(TenfoldError):
        found += [secret.reveal() for secret in secrets.load(layout.secrets).values()]
    with suppress(TenfoldError):
        found += [one.value.reveal() for one in app_secrets.load(layout.app_secrets).values()]
    return tuple(found)


def _position(layout: Layout) -> tuple[str | None, str | None]:
    """The release that served last, and the stage; nothing where that cannot be known."""
    if not layout.exists():
        return None, None
    from tenfold.deployment.deployment import POSITION
    from tenfold.deployment.shelf import served
    from tenfold.stages.path import stage_of
    from tenfold.transitions.journal import SqliteJournal

    with suppress(TenfoldError, OSError, ValueError):
        journal = SqliteJournal(layout.journal)
        try:
            stage = stage_of(journal.facts().get(POSITION) or "10")
        finally:
            journal.close()
        releases = served(layout)
        return (releases[-1] if releases else None), stage
    return None, None
