"""The reference is generated, committed, and complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import pytest

from tenfold.cli import reference
from tenfold.errors import TenfoldError
from tenfold.spec.schema import json_schema
from tenfold.transitions import steps

FOLDER = Path(__file__).resolve().parents[2] / "docs/reference"
COMMANDS = dict(reference.commands())


@pytest.mark.parametrize("name", reference.pages())
def test_every_generated_page_is_committed_as_it_is(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == reference.pages()[name], "run make docs"


def test_nothing_else_lies_there() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(reference.pages())


def test_the_generator_writes_every_page(tmp_path: Path) -> None:
    reference.main([str(tmp_path / "new")])
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(reference.pages())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_of_itself(name: str) -> None:
    examples = reference.examples(COMMANDS[name])
    assert examples
    assert all(line.startswith(f"tenfold {name}") for line in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    options = [param for param in COMMANDS[name].params if isinstance(param, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_on_the_page(name: str) -> None:
    text = reference.pages()["commands.md"]
    section = text.split(f"### tenfold {name}\n")[1].split("\n### ")[0]
    for param in COMMANDS[name].params:
        if isinstance(param, click.Option) and param.name not in reference.SHARED:
            assert f"`{', '.join(param.opts)}" in section


def test_every_key_of_the_file_is_on_its_page() -> None:
    text = (FOLDER / "tenfold.toml.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    tables = set(re.findall(r"^## \[(\w+)\]", text, re.M))
    assert keys(json_schema()) - rows - tables == set()


def keys(schema: dict[str, Any]) -> set[str]:
    """Every name that the schema gives to a key, at the top or in a table."""
    tables = (schema, *schema["$defs"].values())
    return {key for table in tables for key in table.get("properties", {})}


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn: list[type[TenfoldError]] = []
    known = {kind.__name__: kind for kind in reference.error_kinds()}
    branch: dict[int, type[TenfoldError]] = {}
    for line in reference.error_tree().splitlines():
        found = re.match(r"([│├└─ ]*)(\w+)  ", line)
        assert found, line
        depth, kind = len(found[1]) // 4, known[found[2]]
        branch[depth] = kind
        if depth:
            assert kind.__base__ is branch[depth - 1], line
        drawn.append(kind)
    assert drawn == list(known.values())


def test_every_kind_of_step_is_documented() -> None:
    text = reference.pages()["steps.md"]
    for kind in reference.step_kinds():
        assert kind.__doc__
        assert f"\n## {kind.__name__}\n" in text
        step = reference.sample(kind)
        assert steps.from_json(steps.to_json(step)) == step, "the journal can read it back"
