"""``tenfold docs``: the annotated reference file."""

from __future__ import annotations

import click

from tenfold.cli.base import Settings, command
from tenfold.spec.docs import section as reference


@command("docs", json=False)
@click.argument("section", required=False)
def docs(settings: Settings, section: str | None) -> None:
    """The annotated tenfold.toml, whole or one section of it.

    \b
    tenfold docs
    tenfold docs release
    """
    click.echo(reference(section), nl=False)
