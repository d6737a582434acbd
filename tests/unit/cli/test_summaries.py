from __future__ import annotations

import subprocess
import sys

import click
import pytest

from tenfold.cli.main import cli
from tenfold.cli.summaries import summary

CONTEXT = click.Context(cli)


@pytest.mark.parametrize("name", cli.list_commands(CONTEXT))
def test_a_summary_is_what_the_command_says_itself(name: str) -> None:
    command = cli.get_command(CONTEXT, name)
    assert command is not None
    for limit in (45, 70):
        assert summary(name, limit) == command.get_short_help_str(limit)


def test_a_name_that_is_none_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"tenfold\.cli\.base has no function base"):
        summary("base", 70)


def test_the_help_page_loads_no_command() -> None:
    code = "from tenfold.cli.main import run; run(['--help']); import sys; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    loaded = said.splitlines()[-1].split()
    assert "tenfold.cli.output" in loaded
    assert not {"tenfold.cli.up", "tenfold.deployment", "psycopg"} & set(loaded)
