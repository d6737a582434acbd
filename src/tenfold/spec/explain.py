"""What pydantic found, said the way a person would: one problem a key, with the way out."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tenfold.errors import did_you_mean
from tenfold.spec import later
from tenfold.spec.model import APP_MISSING, AppSpec

Path = tuple[str | int, ...]
# How alike a misspelt key and a known one must be, from 0 to 1.
_CLOSE = 0.6


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: at which key, and what to do."""

    path: Path
    text: str

    @property
    def where(self) -> str:
        """``[server] workers``, ``[[load.requests]] path`` or, at the top, ``name``."""
        names = [str(part) for part in self.path if isinstance(part, str)]
        if len(names) == 1:
            return names[0]
        table = ".".join(names[:-1])
        listed = any(isinstance(part, int) for part in self.path[:-1])
        return f"[[{table}]] {names[-1]}" if listed else f"[{table}] {names[-1]}"


def explain(error: ValidationError, data: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Every problem of a document; ``data`` is the document that was refused."""
    details = [_placed(d) for d in error.errors(include_url=False, include_input=True)]
    meant = {_meant_by(detail) for detail in details if detail["type"] == "extra_forbidden"}
    # A key that is there under a wrong name or in a wrong place is one problem, not two; and
    # without `app`, a `command` is the problem, and says so itself.
    told = meant | ({("app",)} if "command" in data or ("command",) in meant else set())
    return tuple(
        _problem(detail)
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in told)
    )


def _placed(detail: ErrorDetails) -> ErrorDetails:
    """That neither `app` nor `command` is there is told of `app`, which most files have."""
    if detail["type"] == APP_MISSING:
        detail["type"], detail["loc"] = "missing", ("app",)
    return detail


def _meant_by(detail: ErrorDetails) -> Path:
    """The path of the key that an unknown key probably stands for."""
    path = detail["loc"]
    key = str(path[-1])
    home = _home(key)
    if home is not None:
        return (*home, key)
    close = difflib.get_close_matches(key.lower(), [*_keys_at(path[:-1])], n=1, cutoff=_CLOSE)
    return (*path[:-1], close[0]) if close else path


def _problem(detail: ErrorDetails) -> Problem:
    path = tuple(part for part in detail["loc"] if part != "[key]")
    return Problem(path, _text(path, detail))


def _text(path: Path, detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            return later.when(path) or _unknown(path)
        case "missing":
            return f"is missing{_example(path)}"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return _not_one_of(detail["input"], str(context["expected"]))
        case "string_too_short":
            return "is empty"
        case "string_type":
            return f"is not a text{_quoted(detail['input'])}"
        case "tuple_type" | "list_type":
            return f"is not a list{_listed(detail['input'])}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"{_shown(detail['input'])} is not a whole number"
        case "greater_than":
            return f"should be more than {context['gt']:g}"
        case "model_type" | "dict_type" | "mapping_type":
            return f"is a table: write [{'.'.join(map(str, path))}] above its keys"
        case _:
            return _plain(detail)


def _plain(detail: ErrorDetails) -> str:
    expected = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    value = detail["input"]
    shown = "" if isinstance(value, (dict, list)) else f"{_shown(value)} "
    return f"{shown}should be {expected}"


def _shown(value: Any) -> str:
    """A value as TOML writes it."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _quoted(value: Any) -> str:
    scalar = isinstance(value, (bool, int, float))
    return f'; write it as "{_shown(value)}"' if scalar else ""


def _listed(value: Any) -> str:
    return f"; write it as [{_shown(value)}]" if isinstance(value, (str, int, float)) else ""


def _not_one_of(value: Any, expected: str) -> str:
    choices = expected.replace("'", '"').replace(" or ", ", ")
    names = [choice.strip('"') for choice in choices.split(", ")]
    return f'"{value}" is not one of {choices}{_meant(str(value), names)}'


def _example(path: Path) -> str:
    examples: dict[Path, str] = {
        ("name",): 'name = "conduit"',
        ("app",): 'app = "conduit.main:app"',
    }
    example = examples.get(path)
    return f"; add for example  {example}" if example else ""


def _unknown(path: Path) -> str:
    key = str(path[-1])
    siblings = [*_keys_at(path[:-1])]
    home = _home(key)
    if home is not None:
        where = f"into [{home[0]}]" if home else "at the top, above the first [table]"
        return f"unknown key; it belongs {where}"
    known = f"; known here: {', '.join(siblings)}"
    return f"unknown key{_meant(key, siblings) or known}"


def _meant(wrong: str, names: list[str]) -> str:
    return did_you_mean(wrong.lower(), names, _CLOSE)


def _home(key: str) -> tuple[str, ...] | None:
    """The table that has a key of just this name; ``()`` is the top, ``None`` if there is none."""
    return next((table for table, names in _tables() if key in names), None)


def _tables() -> Iterator[tuple[tuple[str, ...], list[str]]]:
    yield (), list(_keys(AppSpec))
    for name, field in AppSpec.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield (name,), list(_keys(model))


def _keys_at(path: Path) -> Iterator[str]:
    """The keys that a table may have, those of later versions included."""
    model: Any = AppSpec
    for part in path:
        if isinstance(part, int):
            continue
        model = _model_in(_keys(model)[str(part)])
        if model is None:
            return
    yield from _keys(model)
    names = tuple(str(part) for part in path)
    yield from (key[-1] for key in later.COMES if key[:-1] == names)


def _keys(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The table model inside ``X``, ``X | None`` or ``tuple[X, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        model = _model_in(inner)
        if model is not None:
            return model
    return None
