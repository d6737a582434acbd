"""What all commands share: ``--dir`` in any position, ``--json``, opening the deployment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tenfold.cli.output import Output
from tenfold.state.layout import Layout, find_project

DIR_HELP = "The app's folder; default: the nearest one upwards with a tenfold.toml."


class Settings:
    """What the options before and behind the command's name amount to."""

    def __init__(self) -> None:
        self.directory: Path | None = None
        self.json = False

    @property
    def output(self) -> Output:
        """Where this command's words go."""
        return Output(json=self.json)

    @property
    def start(self) -> Path:
        """Where to look for the project."""
        return self.directory or Path.cwd()

    def layout(self) -> Layout:
        """The project's paths. Raises ``UsageError`` when there is no ``tenfold.toml``."""
        return Layout(find_project(self.start))


def _set_directory(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Settings).directory = value


def _set_json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Settings).json = True


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


def command(
    name: str, *, json: bool = True, passthrough: bool = False
) -> Callable[[Callable[..., None]], click.Command]:
    """A subcommand with the options that every command has.

    Its docstring is its help: the first line is the summary, ``\\b`` keeps examples as written.
    With ``passthrough`` whatever Tenfold does not know is kept for another program.
    """
    settings: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
    if passthrough:
        settings |= {"ignore_unknown_options": True, "allow_interspersed_args": False}

    def decorate(function: Callable[..., None]) -> click.Command:
        wrapped = click.make_pass_decorator(Settings, ensure=True)(function)
        wrapped = dir_option(wrapped)
        if json:
            wrapped = json_option(wrapped)
        return click.command(name, context_settings=settings)(wrapped)

    return decorate
