"""Where words go: a calm terminal, plain lines when nobody looks, JSON lines for programs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from tenfold.cli.tracebacks import shorten
from tenfold.errors import TenfoldError, UsageError

VERSION = 1
_COMMAND = re.compile(r"(?<![\w./-])tenfold (?=[a-z])")


class _Console(Console):
    """One that tells of a closed pipe instead of ending the process."""

    def on_broken_pipe(self) -> None:
        """Called by rich while the error is handled."""
        raise BrokenPipeError


class Output:
    """One command's output.

    Args:
        json: print versioned JSON lines on standard output instead of text.
        stream: for tests; default standard output.
        environment: which one the command is about; commands that are suggested name it.
    """

    def __init__(
        self, *, json: bool = False, stream: TextIO | None = None, environment: str | None = None
    ) -> None:
        self.json = json
        self._environment = environment
        self.stream = stream or sys.stdout
        self.closed = False
        self.console = _Console(
            file=self.stream, highlight=False, soft_wrap=True, emoji=False, markup=False
        )

    @property
    def live(self) -> bool:
        """Whether a person watches: progress may be redrawn, questions asked."""
        return self.console.is_terminal and not self.json

    def line(
        self, text: str | Text = "", *, style: str | None = None, literal: bool = False
    ) -> None:
        """A line for people, ``literal`` without the environment added to commands.

        Nothing with ``--json``.
        """
        if not self.json:
            if isinstance(text, str):
                text = text if literal else suggested(text, self._environment)
                text = Text(text, style=style or "")
            line = text
            self._write(lambda: self.console.print(line))

    def columns(self, rows: list[tuple[str, ...]], *, indent: int = 2, gap: int = 3) -> None:
        """Aligned columns; the last one may be as long as it likes."""
        if self.json or not rows:
            return
        count = max(len(row) for row in rows)
        full = [row + ("",) * (count - len(row)) for row in rows]
        widths = [max(len(row[i]) for row in full) for i in range(count - 1)]
        for row in full:
            cells = [cell.ljust(width + gap) for cell, width in zip(row, widths, strict=False)]
            self.line((" " * indent + "".join(cells) + row[-1]).rstrip())

    def event(self, event: str, data: Mapping[str, Any]) -> None:
        """A line of JSON; nothing for people."""
        if self.json:
            self.object({"event": event, **data})

    def object(self, data: Mapping[str, Any]) -> None:
        """One JSON object on one line, with the version of its format."""
        # In one piece: steps that are carried out at once are told of at once.
        text = json.dumps({"version": VERSION, **data}) + "\n"
        self._write(lambda: print(text, end="", file=self.stream, flush=True))

    def _write(self, write: Callable[[], None]) -> None:
        """Whoever read our words may leave (``tenfold up | head``): the work goes on without."""
        if self.closed:
            return
        try:
            write()
            self.stream.flush()
        except OSError:  # a closed pipe, a full disk: words are not worth an unfinished plan
            self.closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())


def suggested(text: str, environment: str | None) -> str:
    """The text with the environment named in every command that it suggests."""
    if environment is None:
        return text
    return _COMMAND.sub(f"tenfold --env {environment} ", text)


def show_error(error: TenfoldError, *, json_lines: bool, environment: str | None = None) -> None:
    """A failure: what, evidence, what changed, what next. JSON goes to standard output."""
    next_ = suggested(error.next, environment) if error.next else None
    if json_lines:
        Output(json=True).event(
            "error",
            {
                "error": type(error).__name__,
                "what": error.what,
                "changed": error.changed,
                "next": next_,
                "detail": error.detail,
            },
        )
        return
    console = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)
    console.print(Text("  ✗ ", style="bold red") + Text(error.what))
    if error.detail:
        console.print()
        for line in shorten(error.detail).rstrip().splitlines():
            console.print(Text(f"    {line}", style="dim"))
    console.print()
    if error.exit_code != UsageError.exit_code:
        console.print(_labelled("What changed", error.changed or "nothing"))
    if next_:
        console.print(_labelled("What next", next_))


def _labelled(label: str, text: str) -> Text:
    first, *rest = text.splitlines()
    lines = [f"{label:<16}{first}", *(f"{'':<16}{line.strip()}" for line in rest)]
    return Text("\n".join(lines))
