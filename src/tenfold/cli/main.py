"""``tenfold``: the entry point; finds the command, prints failures, chooses the exit code."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Final

import click
from click.shell_completion import CompletionItem

from tenfold import __version__
from tenfold.__main__ import INTERRUPTED, NOT_BEGUN
from tenfold.cli.base import Settings, dir_option, env_option, json_option
from tenfold.cli.output import show_error
from tenfold.cli.summaries import summary
from tenfold.errors import TenfoldError

SECTIONS: Final[Mapping[str, Sequence[str]]] = {
    "Begin": ("init", "doctor", "up", "down", "status"),
    "Change": ("plan", "deploy", "rollback", "upgrade", "secrets"),
    "Move": ("rehearse", "grow", "shrink", "resume", "abort", "reverse", "complete", "report"),
    "Hosts": ("host",),
    "Every day": (
        "logs",
        "metrics",
        "alerts",
        "run",
        "jobs",
        "console",
        "psql",
        "db",
        "certificate",
        "maintenance",
        "audit",
        "lock",
        "journal",
    ),
    "Static site": ("export", "publish", "dns"),
    "Load": ("load", "drill"),
    "Reference": ("docs", "schema", "completion"),
}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Commands(click.Group):
    """Loads a command when it is asked for: ``tenfold status`` imports no load generator."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, in the order of the help page."""
        return [name for names in SECTIONS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, imported now."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"tenfold.cli.{cmd_name}")
        found = getattr(module, cmd_name)
        assert isinstance(found, click.Command)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a misspelt name."""
        import difflib

        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.list_commands(ctx):
            close = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            meant = f'; did you mean "{close[0]}"?' if close else ""
            ctx.fail(f'there is no command "{name}"{meant}')
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Commands by what they are for."""
        for section, names in SECTIONS.items():
            with formatter.section(section):
                rows = [(name, summary(name, limit=70)) for name in names]
                formatter.write_dl(rows, col_spacing=4)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click does; but whoever presses a key does not wait until all commands are loaded."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=summary(name, limit=45)) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)


@click.command(
    "tenfold",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="tenfold")
@json_option
@dir_option
@env_option
def cli() -> None:
    """Grow a Python web app tenfold, six times over, without stopping it.

    \b
    cd my-app
    tenfold init          writes tenfold.toml by looking at the project
    tenfold up            runs it: database, app and edge, at http://127.0.0.1:8000
    tenfold deploy        brings the next release, no request fails
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 changes pending or wrong usage."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    settings = Settings()
    if os.geteuid() == 0:
        os.umask(0o022)  # units are another user's: what they read, root has to let them
    settings.arguments = tuple(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, _interrupt)
    try:
        result = cli.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="tenfold",
            standalone_mode=False,
            obj=settings,
        )
    except TenfoldError as error:
        show_error(error, json_lines=settings.json, environment=settings.environment)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        if not settings.entered:
            print(NOT_BEGUN, file=sys.stderr)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as error:
        full = _disk(error)
        if full is None:
            raise
        show_error(full, json_lines=settings.json, environment=settings.environment)
        return full.exit_code
    return result if isinstance(result, int) else 0


def _disk(error: OSError) -> TenfoldError | None:
    """A disk that takes nothing, in words, wherever that was noticed; no other error."""
    if error.errno not in NO_ROOM:
        return None
    where = error.filename or "the disk below the app's folder, or that of temporary files,"
    return TenfoldError(
        f"{where} takes nothing more: {error.strerror}",
        changed="what was begun and could be taken back was; the site serves what it served",
        next="make room (df -h), then give the command again; tenfold status shows what runs",
    )


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Being ended is answered like Ctrl-C: what was begun is taken back."""
    raise KeyboardInterrupt


def _broken_pipe() -> int:
    """Whoever read our output has gone (``tenfold logs | head``); that is no failure."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
