"""Why a generator made no site, from how its command ended and what it printed. Pure."""

from __future__ import annotations

import re
import signal
from typing import Final

from tenfold.errors import ExportError
from tenfold.spec.generators import INSTALL, OF_NODE

NO_PROGRAM: Final = 127
NOT_EXECUTABLE: Final = 126
_BY_SIGNAL: Final = 128
# What shells and bundler say of a program that is not there, and its name.
_NOT_FOUND: Final = (
    re.compile(r"command not found: ([\w./@+-]+)\s*$"),
    re.compile(r"(?:^|[ :])([\w./@+-]+): (?:command )?not found\s*$"),
)
# What programs say that lack something, and what helps.
_LACKS: Final = (
    (
        re.compile(r"[Rr]un `?bundle install`?|Could not find gem", re.MULTILINE),
        "bundle install    installs what the Gemfile names",
    ),
    (re.compile(r"npx canceled|Cannot find module|ERR_MODULE_NOT_FOUND"), OF_NODE),
    (
        re.compile(r"No module named '?([\w.]+)"),
        ".venv/bin/pip install    in the project: .venv/bin is on the PATH of build",
    ),
)
_ESCAPE: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def plain(line: str) -> str:
    """A line of a program's output without colours and movements of a terminal."""
    return _CONTROL.sub("", _ESCAPE.sub("", line)).rstrip()


def failed(build: str, code: int, tail: str, changed: str) -> ExportError:
    """What to say of a command that did not exit with 0.

    Args:
        build: the command.
        code: as shells give it: 127 for a program that is not there, 128 and more, or a negative
            number, for a signal.
        tail: the last lines that it printed.
        changed: what is different because of it.
    """
    if code == NO_PROGRAM:
        program = missing(build, tail)
        return ExportError(
            f"{program} is not there, which [static] build needs: {build}",
            changed=changed,
            next=INSTALL.get(program.rpartition("/")[2], "install it, or correct [static] build"),
            detail=tail,
        )
    by = -code if code < 0 else code - _BY_SIGNAL
    if by in {number.value for number in signal.Signals}:
        memory = by == signal.SIGKILL
        return ExportError(
            f"[static] build was ended by {signal.Signals(by).name}: {build}",
            changed=changed,
            next="perhaps memory ran out: dmesg tells; then build where there is more"
            if memory
            else "see who ended it, then try again",
            detail=tail,
        )
    what = f"[static] build exited with {code}: {build}"
    return ExportError(what, changed=changed, next=_help(code, tail), detail=tail)


def missing(build: str, tail: str) -> str:
    """Which program a shell did not find: what it printed says so, else the command's first."""
    for line in reversed(tail.splitlines()):
        for pattern in _NOT_FOUND:
            if found := pattern.search(line):
                return found[1]
    words = [word for word in build.split() if "=" not in word]
    return words[0] if words else build


def overdue(build: str, seconds: float, tail: str, changed: str) -> ExportError:
    """What to say of a command that took longer than it may."""
    return ExportError(
        f"[static] build was ended after {seconds:g} s: {build}",
        changed=changed,
        next='make it quicker, or give it more time: [static] build_timeout = "1h"',
        detail=tail,
    )


def _help(code: int, tail: str) -> str:
    if code == NOT_EXECUTABLE:
        return "make the program executable (chmod +x), or correct [static] build"
    for pattern, text in _LACKS:
        if pattern.search(tail):
            return text
    return "make it work in the project's folder, then try again"
