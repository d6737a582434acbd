"""The annotated reference is documentation and fixture at once: it says everything, and holds."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from tenfold.errors import SpecError, UsageError
from tenfold.spec import docs, generate, later
from tenfold.spec.model import AppSpec
from tenfold.spec.read import parse
from tenfold.spec.schema import json_schema

PAGES = Path(__file__).resolve().parents[3] / "docs/reference"


def test_the_reference_is_a_valid_file() -> None:
    assert parse(docs.reference()).name == "conduit"


@pytest.mark.parametrize("part", docs.parts(), ids=lambda part: part.name)
def test_each_part_is_valid_toml_that_ends_where_the_next_begins(part: docs.Part) -> None:
    document = tomllib.loads(part.text)
    tables = {key for key, value in document.items() if isinstance(value, dict)}
    assert tables == (set() if part.name == "top" else {part.name})


def test_every_key_is_in_its_part_of_the_reference() -> None:
    text = {part.name: part.text for part in docs.parts()}
    missing = [
        path for path in keys_of(AppSpec) if not in_text(path[-1], text.get(path[0], text["top"]))
    ]
    assert missing == []


def test_every_part_is_a_table_that_the_file_may_have() -> None:
    tables = {path[0] for path in keys_of(AppSpec) if len(path) > 1} | {"env", "environments"}
    assert {part.name for part in docs.parts()} == {"top"} | tables


def keys_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for name, info in model.model_fields.items():
        inner = model_in(info.annotation)
        key = (*path, info.alias or name)
        found += keys_of(inner, key) if inner else [key]
    return found


def model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_in, getattr(annotation, "__args__", ()))), None)


def in_text(key: str, text: str) -> bool:
    """Whether a key is given a value or, where it excludes another one, is named in a comment."""
    assigned = re.search(rf"(^|[{{,] ?|^# ){re.escape(key)} = ", text, re.MULTILINE)
    return bool(assigned) or f"[[load.{key}]]" in text or f"[{key}]" in text


def test_a_section_is_found_by_its_name_however_written() -> None:
    assert docs.section("server") == docs.section("[server]")
    assert docs.section("load.ledger") == docs.section("load")
    assert docs.section().startswith("# tenfold.toml")
    assert "[server]" in docs.section("server")
    assert "[database]" not in docs.section("server")


def test_a_misspelt_section_is_answered() -> None:
    with pytest.raises(UsageError, match='did you mean "server"') as caught:
        docs.section("sever")
    assert "database" in str(caught.value.next)


@pytest.mark.parametrize(
    "name", ["workers", "services.articles", "database.backup", "static.pages"]
)
def test_a_later_section_says_when_it_comes(name: str) -> None:
    if later.when((name.split(".")[0],)):
        with pytest.raises(UsageError, match="comes with"):
            docs.section(name)
    else:
        assert docs.section(name)


def test_the_schema_is_one_and_accepts_the_reference() -> None:
    schema = json_schema()
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(tomllib.loads(docs.reference()))


@pytest.mark.parametrize(
    "text",
    [
        'name = "X"\napp = "a:b"',
        'name = "x"',
        'name = "x"\n[static]\npages = ["/"]',
        'name = "x"\napp = "a:b"\ncommand = "c"',
        'name = "x"\napp = "a:b"\nunknown = 1',
        'name = "x"\napp = "a:b"\n[server]\ndrain = 3',
        'name = "x"\napp = "a:b"\n[server]\nworkers = 0',
        'name = "x"\napp = "a:b"\n[server]\nkind = "x"',
        'name = "x"\napp = "a:b"\n[env]\nA = 3',
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(text: str) -> None:
    with pytest.raises(SpecError):
        parse(text)
    assert [*jsonschema.Draft7Validator(json_schema()).iter_errors(tomllib.loads(text))]


def test_the_schema_describes_every_key_and_says_nothing_that_toml_cannot() -> None:
    text = json.dumps(json_schema())
    assert '"null"' not in text
    undescribed = [
        (table, key)
        for table, node in json_schema()["$defs"].items()
        for key, value in node.get("properties", {}).items()
        if "description" not in value
    ]
    assert undescribed == []


@pytest.mark.parametrize("name", generate.pages())
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    assert (PAGES / name).read_text() == generate.pages()[name], "run make docs"


def test_the_generator_writes_every_page(tmp_path: Path) -> None:
    generate.main([str(tmp_path / "new")])
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(generate.pages())
