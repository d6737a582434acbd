"""A page of the documentation as something to carry out: its files, edits and commands, in order.

In a page, a code block whose first line names a file (```` ```python main.py ````) is that file,
``diff`` and a name is an edit of it, and in ``console`` blocks each line after ``$ `` is a command;
what follows is its output. ``console exits-2`` says that the block's last command exits with 2.
A line ``...`` stands for lines that are left out.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
ANY = "..."


@dataclass(frozen=True)
class Write:
    """A file as the page shows it."""

    name: str
    text: str


@dataclass(frozen=True)
class Edit:
    """Lines of a file that are replaced: each run of ``-`` lines by the ``+`` lines behind it."""

    name: str
    changes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Run:
    """A command, the lines that it is shown to print, and its exit code."""

    command: str
    shown: tuple[str, ...]
    code: int = 0


Act = Write | Edit | Run


def acts(text: str) -> Iterator[Act]:
    """Everything that the page has its reader do, in order."""
    for kind, name, body in FENCE.findall(text):
        if kind == "console":
            yield from _runs(body, int(name.removeprefix("exits-") or 0))
        elif kind == "diff":
            yield Edit(name, tuple(_changes(body)))
        elif name:
            yield Write(name, body)


def _runs(body: str, code: int) -> Iterator[Run]:
    commands = re.split(r"^\$ ", body, flags=re.M)[1:]
    for number, piece in enumerate(commands, 1):
        command, *shown = piece.replace("\\\n", "").splitlines()
        yield Run(command, tuple(shown), code if number == len(commands) else 0)


def _changes(body: str) -> Iterator[tuple[str, str]]:
    for old, new in re.findall(r"((?:^-.*\n)*)((?:^\+.*\n)+)", body, re.M):
        yield tuple(re.sub(r"^[-+]", "", lines, flags=re.M) for lines in (old, new))


def edited(text: str, edit: Edit) -> str:
    """The file's text after the edit; lines that replace nothing go to its end."""
    for old, new in edit.changes:
        assert not old or text.count(old) == 1, f"{edit.name} has not once:\n{old}"
        text = text.replace(old, new) if old else f"{text}{new}"
    return text


def told(line: str) -> str:
    """A line without what differs from run to run: times, sizes, ids, processes, addresses."""
    for pattern, stands_for in (
        (r"\b127\.\d+\.\d+\.\d+:\d+", "ADDRESS"),
        (r"\bpid \d+", "pid"),
        (r"\bapp\.\d+\.\d+\b", "app"),
        (r"\b[0-9a-f]{8}\b", "RELEASE"),
        (r"\b\d+(\.\d+)? (ms|s|%|GiB|cores?)(?=\W|$)", r"\2"),
        (r"\b\d+ (unit|worker)s?\b", r"\1"),
        (r"\b\d\d:\d\d:\d\d\.\d{3}\b", "CLOCK"),
        (r"\b\d+(\.\d+)+\b", "VERSION"),
        (r"\b\d{3,}\b", "NUMBER"),
        (r"\s+", " "),
    ):
        line = re.sub(pattern, stands_for, line)
    return line.strip()


def missing(shown: tuple[str, ...], printed: str) -> list[str]:
    """The shown lines that were not printed. Their order is free: some steps go side by side."""
    lines = {told(line) for line in printed.splitlines()}
    return [line for line in map(told, shown) if line not in lines | {"", ANY}]


@dataclass
class Shell:
    """One shell, as a person has it open: folder, variables and jobs stay from line to line."""

    folder: Path
    env: Mapping[str, str]
    process: subprocess.Popen[str] = field(init=False)

    def __post_init__(self) -> None:
        self.process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Run one line; gives exit code and output, errors included."""
        assert self.process.stdin
        assert self.process.stdout
        end = "-- the end of this command --"
        self.process.stdin.write(f"{command}\nprintf '\\n%s %s\\n' '{end}' $?\n")
        self.process.stdin.flush()
        lines: list[str] = []
        for line in self.process.stdout:
            if line.startswith(end):
                return int(line.split()[-1]), "".join(lines)
            lines.append(line)
        raise AssertionError(f"the shell ended at {command}: {''.join(lines)}")

    def close(self) -> None:
        """End it as Ctrl-D would."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
