"""The JSON Schema of ``tenfold.toml``, for editors (taplo and whatever reads draft 7)."""

from __future__ import annotations

from typing import Any, Final

from tenfold.spec.model import AppSpec
from tenfold.spec.units import DURATION_PATTERN, SIZE_PATTERN

ID: Final = "urn:tenfold:tenfold.toml:1"
# The newest draft that TOML editors understand; nothing in it needs a later one.
DRAFT: Final = "http://json-schema.org/draft-07/schema#"


def json_schema() -> dict[str, Any]:
    """The schema, with a description of every key; defaults are written as in the file."""
    schema: dict[str, Any] = _tidy(AppSpec.model_json_schema(by_alias=True, mode="validation"))
    _describe_environments(schema)
    return {"$schema": DRAFT, "$id": ID, "title": "tenfold.toml"} | schema


def _describe_environments(schema: dict[str, Any]) -> None:
    """An environment has the keys of the file, none of them required."""
    properties = schema["properties"]
    same = {
        key: value
        if "description" in value
        else {"description": f"As [{key}] of the file.", "allOf": [value]}
        for key, value in properties.items()
        if key not in ("name", "environments")
    }
    schema["$defs"]["EnvironmentTable"] = {
        "type": "object",
        "description": "What is different in this environment.",
        "additionalProperties": False,
        "properties": same,
    }
    properties["environments"]["additionalProperties"] = {"$ref": "#/$defs/EnvironmentTable"}


def _tidy(node: Any) -> Any:
    """Leave out what a TOML file cannot say (null), and titles that only repeat their key."""
    if isinstance(node, list):
        return [_tidy(item) for item in node if item != {"type": "null"}]
    if not isinstance(node, dict):
        return node
    tidy = {
        key: _tidy(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
        and not (key == "default" and value in (None, [], {}))
    }
    choices = tidy.get("anyOf", ())
    if len(choices) == 1:
        tidy = {key: value for key, value in tidy.items() if key != "anyOf"} | choices[0]
    if "default" in tidy:
        tidy["default"] = _written(tidy["default"], tidy.get("pattern"))
    return tidy


def _written(default: Any, pattern: str | None) -> Any:
    """A default as the file says it: seconds and bytes have their unit."""
    if pattern == DURATION_PATTERN:
        return f"{default:g}s"
    if pattern == SIZE_PATTERN:
        return f"{default // 10**6}MB"
    return default
