"""``tenfold completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tenfold.cli.base import Settings, command

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_TENFOLD_COMPLETE"


@command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(settings: Settings, shell: str) -> None:
    """A script that has your shell complete commands and options.

    \b
    tenfold completion bash > ~/.local/share/bash-completion/completions/tenfold
    tenfold completion zsh > ~/.zfunc/_tenfold
    tenfold completion fish > ~/.config/fish/completions/tenfold.fish
    """
    from tenfold.cli.main import cli

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(cli, {}, "tenfold", VARIABLE).source())
