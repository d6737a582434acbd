"""The file that a ``[load]`` table is from: reading it alone, and errors with their lines."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ValidationError

from tenfold.errors import SpecError
from tenfold.spec.explain import Problem, explain
from tenfold.spec.load import LoadTable
from tenfold.spec.locate import Key, lines


class WrongKey(ValueError):
    """A value in ``[load]`` that has the right shape and still cannot work."""

    def __init__(self, place: Key, text: str) -> None:
        super().__init__(text)
        self.problem = Problem(place, text)


class _File(BaseModel):
    load: LoadTable | None = None


def load_table_from(path: Path) -> LoadTable | None:
    """The ``[load]`` table of a TOML file; None where it has none. Other tables are not looked at.

    For load on an app that Tenfold does not run; a whole ``tenfold.toml`` is read by
    :func:`tenfold.spec.read.load`.

    Raises:
        SpecError: the file cannot be read, is not TOML, or its ``[load]`` is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{path.name}: {error}") from error
    try:
        return _File.model_validate(data).load
    except ValidationError as error:
        raise _spec_error(explain(error, data), path) from None


def refusal(wrong: WrongKey, path: Path | None) -> SpecError:
    """The error that the command line prints; with a line where the file is known."""
    return _spec_error([wrong.problem], path)


def _spec_error(problems: Iterable[Problem], path: Path | None) -> SpecError:
    text = "\n".join(
        f"{_position(problem.path, path)}{problem.where}: {problem.text}" for problem in problems
    )
    return SpecError(text, next="correct it; tenfold docs load explains the keys")


def _position(place: Key, path: Path | None) -> str:
    """``tenfold.toml:12: ``, the line of the key or of the table around one that is missing."""
    if path is None:
        return ""
    found = lines(path.read_text(encoding="utf-8"))
    while place and place not in found:
        place = place[:-1]
    return f"{path.name}:{found.get(place, 1)}: "
