"""``[environments.NAME]``: what is different there, joined with the rest of the file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from tenfold.spec.explain import Problem, explain
from tenfold.spec.model import AppSpec

TABLE = "environments"
_THE_SAME = {
    "name": "is the same in every environment",
    TABLE: "an environment has no others in it",
}


def specs(data: Mapping[str, Any]) -> tuple[dict[str, AppSpec], tuple[Problem, ...]]:
    """The spec of every environment that a document names, and all that is wrong with them.

    The document itself must be right already, so that what is wrong is what an environment says.
    """
    found: dict[str, AppSpec] = {}
    problems: list[Problem] = []
    for name, differences in data.get(TABLE, {}).items():
        refused = [
            Problem((TABLE, name, key), why) for key, why in _THE_SAME.items() if key in differences
        ]
        joined = joined_with(data, {k: v for k, v in differences.items() if k not in _THE_SAME})
        del joined[TABLE]
        try:
            found[name] = AppSpec.model_validate(joined)
        except ValidationError as error:
            refused += [Problem((TABLE, name, *p.path), p.text) for p in explain(error, joined)]
        problems += refused
    return found, tuple(problems)


def joined_with(data: Mapping[str, Any], differences: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` with the keys of ``differences`` instead of its own; only tables are joined."""
    joined = dict(data)
    for key, value in differences.items():
        known = joined.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            value = joined_with(known, value)
        joined[key] = value
    return joined
