"""What all commands share: ``--dir``, ``--env`` and ``--json`` in any position, the project."""

from __future__ import annotations

import difflib
import functools
import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import click

from tenfold.cli.auditing import Recording, recorded
from tenfold.cli.output import Output
from tenfold.errors import TenfoldError, UsageError
from tenfold.spec.read import load
from tenfold.state.layout import ENVIRONMENT, SPEC_NAME, Layout, find_project

HELP = ["-h", "--help"]
DEFAULT = "default"
CHANGES_PENDING = 2
"""What a command that only looks exits with where there is something to do."""
ENV_HELP = "The environment; default: $TENFOLD_ENV, else the one without a name."
DIR_HELP = "The app's folder; default: the nearest one upwards with a tenfold.toml."


class Settings:
    """What the options before and behind the command's name amount to."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        self.json = False
        self.named: str | None = None
        self.arguments: tuple[str, ...] = ()
        self.recording: Recording | None = None
        self.entered = False
        """Whether the command itself has begun; before, its options are read."""

    @property
    def environment(self) -> str | None:
        """The environment that is meant; ``None`` is the default one."""
        name = os.environ.get(ENVIRONMENT) if self.named is None else self.named
        return None if name in (None, "", DEFAULT) else name

    @property
    def output(self) -> Output:
        """Where this command's words go."""
        return Output(json=self.json, environment=self.environment)

    @property
    def start(self) -> Path:
        """Where to look for the project."""
        return self.directory or Path.cwd()

    def handing_over(self) -> None:
        """Say, for the record, that another program takes this process over now."""
        if self.recording is not None:
            self.recording.end("handed over")

    def layout(self) -> Layout:
        """The project's paths.

        Raises:
            UsageError: there is no ``tenfold.toml``, or it names no such environment.
        """
        layout = Layout(find_project(self.start), environment=self.environment)
        if layout.environment is not None and not layout.state.is_dir():
            require_named(layout.environment, load(layout.spec).environments)
        return layout


def require_named(environment: str, known: Collection[str]) -> None:
    """See that the file names an environment: a slip must not bring up another one.

    Raises:
        UsageError: it does not.
    """
    if environment in known:
        return
    close = difflib.get_close_matches(environment, known, n=1)
    meant = f'; did you mean "{close[0]}"?' if close else ""
    there = f"there are {', '.join(known)}, and default" if known else "there is none but default"
    raise UsageError(
        f'tenfold.toml names no environment "{environment}"{meant}',
        next=f"{there}; [environments.NAME] in tenfold.toml begins another",
    )


def _set_directory(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Settings).directory = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Settings).json = True


def _set_environment(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.ensure_object(Settings).named = value


def _complete_environment(context: click.Context, _: click.Parameter, begun: str) -> list[str]:
    try:
        known = load(find_project(Path.cwd()) / SPEC_NAME).environments
    except TenfoldError:  # nothing to offer is fine while somebody types
        return []
    return [name for name in known if name.startswith(begun)]


def env_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--env``; given twice, the later one wins."""
    return click.option(
        "--env",
        metavar="NAME",
        expose_value=False,
        callback=_set_environment,
        shell_complete=_complete_environment,
        help=ENV_HELP,
    )(function)


def dir_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--dir``; given twice, the later one wins."""
    return click.option(
        "--dir",
        metavar="DIR",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_set_directory,
        help=DIR_HELP,
    )(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--json``."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_set_json,
        help="Versioned JSON, one object per line.",
    )(function)


def yes_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--yes``."""
    return click.option("-y", "--yes", is_flag=True, help="Answer every question with yes.")(
        function
    )


def group(name: str) -> Callable[[Callable[..., None]], click.Group]:
    """A command that has commands of its own, with the options that every command has."""

    def decorate(function: Callable[..., None]) -> click.Group:
        wrapped = json_option(env_option(dir_option(function)))
        return click.group(name, context_settings={"help_option_names": HELP})(wrapped)

    return decorate


def command(
    name: str, *, json: bool = True, passthrough: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """A subcommand with the options that every command has.

    Its docstring is its help: the first line is the summary, ``\\b`` keeps examples as written.
    With ``passthrough`` whatever Tenfold does not know is kept for another program.
    """
    settings: dict[str, Any] = {"help_option_names": HELP}
    if passthrough:
        settings |= {"ignore_unknown_options": True, "allow_interspersed_args": False}

    def decorate(function: Callable[..., None]) -> click.Command:
        @click.pass_context
        def audited(context: click.Context, /, *args: Any, **values: Any) -> None:
            found = context.ensure_object(Settings)
            found.entered = True
            with recorded(found, context):
                function(found, *args, **values)

        wrapped: Callable[..., Any] = functools.update_wrapper(audited, function)
        wrapped = env_option(dir_option(wrapped))
        if json:
            wrapped = json_option(wrapped)
        return click.command(name, context_settings=settings)(wrapped)

    return decorate
