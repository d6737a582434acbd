"""``tenfold schema``: the JSON Schema of ``tenfold.toml``, for editors."""

from __future__ import annotations

import json

import click

from tenfold.cli.base import Settings, command
from tenfold.spec.schema import json_schema


@command("schema")
def schema(settings: Settings) -> None:
    """The JSON Schema of tenfold.toml, for editors.

    \b
    tenfold schema > tenfold.schema.json
    """
    click.echo(json.dumps(json_schema(), indent=2))
