"""Reading the ``[load]`` table alone, for load on an app that Tenfold does not run."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tenfold.errors import SpecError
from tenfold.spec.load import LedgerTable, LoadTable, RequestTable, SetupTable, UploadTable
from tenfold.spec.locate import Key, lines

_MODELS: dict[str, type[BaseModel]] = {
    "requests": RequestTable,
    "setup": SetupTable,
    "ledger": LedgerTable,
    "upload": UploadTable,
}


def load_table_from(path: Path) -> LoadTable | None:
    """The ``[load]`` table of a TOML file; None where it has none. Other tables are not looked at.

    Raises:
        SpecError: the file cannot be read, is not TOML, or its ``[load]`` is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text).get("load")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{path}: {error}") from error
    if table is None:
        return None
    try:
        return LoadTable.model_validate(table)
    except ValidationError as error:
        numbers = lines(text)
        found = (
            f"{path}:{_line_of(one['loc'], numbers)}: {_sentence(one)}"
            for one in error.errors(include_url=False)
        )
        raise SpecError("\n".join(found)) from None


def _line_of(location: tuple[int | str, ...], numbers: Mapping[Key, int]) -> int:
    """The line of a key, or of the nearest table around one that is missing."""
    path: Key = ("load", *location)
    while path not in numbers:
        path = path[:-1]
    return numbers[path]


def _sentence(error: ErrorDetails) -> str:
    """One error of pydantic's as a sentence: which key, and what is wrong with it."""
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        message = _unknown_key(error["loc"])
    return f"{_key(error['loc'])}: {message}"


def _key(location: tuple[int | str, ...]) -> str:
    """``load.requests[2].weight``; entries are counted from 1, as a reader of the file does."""
    steps = (f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in location)
    return "load" + "".join(steps)


def _unknown_key(location: tuple[int | str, ...]) -> str:
    tables = [step for step in location[:-1] if isinstance(step, str)]
    model = _MODELS.get(tables[-1], LoadTable) if tables else LoadTable
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
    return f"there is no such key; {hint}"
