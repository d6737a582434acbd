"""What each command does, in a line, without importing it: for the help page and for shells.

A command is read as text: all of them together import most of Tenfold, which takes a second.
"""

from __future__ import annotations

import ast
from importlib.resources import files

import click


def summary(name: str, limit: int) -> str:
    """What click would say of a command, from the docstring of its function.

    Raises:
        LookupError: its module has no such function.
    """
    text = files(__package__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return click.Command(name, help=ast.get_docstring(node)).get_short_help_str(limit)
    raise LookupError(f"tenfold.cli.{name} has no function {name}")
