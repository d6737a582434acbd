"""Writes the reference pages from the code: ``python -m tenfold.spec.generate docs/reference``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tenfold.spec import docs, later
from tenfold.spec.schema import json_schema
from tenfold.spec.units import DURATION_PATTERN, SIZE_PATTERN


def pages() -> Mapping[str, str]:
    """File names and texts of all generated pages."""
    return {
        "tenfold.toml.md": "\n".join(_page()) + "\n",
        "tenfold.schema.json": json.dumps(json_schema(), indent=2) + "\n",
    }


def _page() -> Iterator[str]:
    schema = json_schema()
    yield "# tenfold.toml"
    yield ""
    yield "<!-- Generated from src/tenfold/spec by `make docs`; edit reference.toml there. -->"
    yield ""
    yield "`tenfold docs` prints the examples of this page; `tenfold schema` prints the JSON Schema"
    yield "(also [here](tenfold.schema.json)), by which editors complete and check the file."
    for part in docs.parts():
        yield ""
        yield f"## {'The top' if part.name == 'top' else f'[{part.name}]'}"
        yield ""
        yield f"{part.title[:1].upper()}{part.title[1:]}."
        yield ""
        yield from _keys(schema, *_node(schema, part.name))
        yield f"```toml\n{part.text}```"
    yield ""
    yield "## Not yet"
    yield ""
    yield "Named in the design and refused until then:"
    yield ""
    for path, when in later.COMES.items():
        name = f"[{path[0]}] {path[1]}" if len(path) > 1 else path[0]
        yield f"- `{name}` {when}"


def _node(schema: dict[str, Any], part: str) -> tuple[dict[str, Any], str]:
    """The schema of one part, and the name of its table."""
    if part == "top":
        return schema, ""
    value = schema["properties"][part]
    each = value.get("additionalProperties", {})  # tables under names of the user's own
    return _table(schema, value) or _table(schema, each) or value, part


def _keys(schema: dict[str, Any], node: dict[str, Any], table: str) -> Iterator[str]:
    """A row per key, and the keys of inner tables behind them."""
    rows = dict(node.get("properties", {}))
    if not table:
        rows = {key: value for key, value in rows.items() if key not in _part_names()}
    if not rows:
        return
    yield "| key | type | default | |"
    yield "|---|---|---|---|"
    for key, value in rows.items():
        default = "required" if key in node.get("required", ()) else _default(value)
        yield f"| `{key}` | {_type(schema, value)} | {default} | {value.get('description', '')} |"
    yield ""
    for key, value in rows.items():
        inner = _table(schema, value)
        if inner is not None:
            yield f"### {table}.{key}"
            yield ""
            yield from _keys(schema, inner, f"{table}.{key}")


def _part_names() -> set[str]:
    return {part.name for part in docs.parts()}


def _table(schema: dict[str, Any], value: dict[str, Any]) -> dict[str, Any] | None:
    """The table that a key holds, alone, optional or as an array; ``None`` for a plain value."""
    for node in (value, *value.get("allOf", ()), value.get("items", {})):
        if "$ref" in node:
            name = node["$ref"].rsplit("/", 1)[1]
            found: dict[str, Any] = schema["$defs"][name]
            return found if "properties" in found else None
    return None


def _type(schema: dict[str, Any], value: dict[str, Any]) -> str:
    if "enum" in value:
        return " or ".join(f"`{json.dumps(choice)}`" for choice in value["enum"])
    if "const" in value:
        return f"`{json.dumps(value['const'])}`"
    if "pattern" in value and value["pattern"] in (DURATION_PATTERN, SIZE_PATTERN):
        return "duration" if value["pattern"] == DURATION_PATTERN else "size"
    if "anyOf" in value:
        inner = (_type(schema, node) for node in value["anyOf"] if node.get("type") != "null")
        return " or ".join(dict.fromkeys(inner))
    if _table(schema, value) is not None:
        return "tables" if value.get("type") == "array" else "table"
    if value.get("type") == "array":
        return f"list of {_type(schema, value['items'])}s"
    names = {"string": "text", "integer": "number", "object": "table", "boolean": "true or false"}
    kind = str(value.get("type", "any value"))
    return names.get(kind, kind)


def _default(value: dict[str, Any]) -> str:
    return f"`{json.dumps(value['default'])}`" if "default" in value else ""


def main(arguments: list[str]) -> None:
    """Write every page into the folder that is named."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
