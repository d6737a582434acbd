"""From a ``tenfold.toml`` to an AppSpec, or to a SpecError that lists every problem."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tenfold.errors import SpecError
from tenfold.secret import Secret
from tenfold.spec import alerts, environments, later, locate, values
from tenfold.spec.explain import Problem, explain
from tenfold.spec.model import AppSpec

FILE_NAME = "tenfold.toml"
LONGEST_PASSWORD_BYTES = 256
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_SLIPS = {
    "Cannot overwrite a value": "this key has a value already",
    "Illegal character '\\n'": "the text does not end on its line; a closing quote is missing",
    "Invalid value": "that is no value; texts are written in quotes",
    "Unterminated string": "the text does not end; a closing quote is missing",
    "Unclosed array": "the list does not end; a closing ] is missing",
}


def load(path: Path, *, environment: str | None = None) -> AppSpec:
    """Read and check the file at ``path`` (or the ``tenfold.toml`` in that folder).

    Args:
        path: where it is.
        environment: whose differences apply; the file need not have any.

    Raises:
        SpecError: no such file, not TOML, or problems; all of them, each with file, line and key.
    """
    file = path / FILE_NAME if path.is_dir() else path
    return parse(_read(file), name=file.name, environment=environment)


def parse(text: str, *, name: str = FILE_NAME, environment: str | None = None) -> AppSpec:
    """As :func:`load`, from a text; ``name`` is what the errors call the file.

    Raises:
        SpecError: see :func:`load`.
    """
    data = _toml(text, name)
    try:
        spec = AppSpec.model_validate(data)
    except ValidationError as error:
        raise _refusal(explain(error, data), locate.lines(text), name) from None
    specs, problems = environments.specs(data)
    if problems:
        raise _refusal(problems, locate.lines(text), name)
    return spec if environment is None else specs.get(environment, spec)


def variables(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> dict[str, str | Secret]:
    """The ``[env]`` table with ``${NAME}`` taken from ``environ``; what came from there is secret.

    Raises:
        SpecError: names that ``environ`` does not have; with ``path``, with their lines.
    """
    _require_set({("env", key): text for key, text in spec.env.items()}, environ, path)
    return {
        key: Secret(values.expand(text, environ))
        if values.references(text)
        else values.expand(text, environ)
        for key, text in spec.env.items()
    }


def passwords(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> dict[str, Secret]:
    """The password of each user of ``[edge] basic_auth``.

    Raises:
        SpecError: as :func:`variables`; or one is empty, or too long to be checked.
    """
    users: dict[locate.Key, str] = {
        ("edge", "basic_auth", user): text for user, text in spec.edge.basic_auth.items()
    }
    _require_set(users, environ, path)
    found = {user: values.expand(text, environ) for user, text in spec.edge.basic_auth.items()}
    wrong = [
        Problem(("edge", "basic_auth", user), "the password is empty or longer than 256 bytes")
        for user, password in found.items()
        if not 0 < len(password.encode()) <= LONGEST_PASSWORD_BYTES
    ]
    if wrong:
        raise _at_lines(wrong, path)
    return {user: Secret(password) for user, password in found.items()}


def database_url(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> Secret | None:
    """``[database] url`` with ``${NAME}`` taken from ``environ``; ``None`` where it is not given.

    Raises:
        SpecError: as :func:`variables`.
    """
    return _own_url("database", spec.database.url, environ, path)


def redis_url(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> Secret | None:
    """``[redis] url`` with ``${NAME}`` taken from ``environ``; ``None`` where it is not given.

    Raises:
        SpecError: as :func:`variables`.
    """
    return _own_url("redis", spec.redis.url if spec.redis else None, environ, path)


def backup_secrets(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> dict[str, Secret]:
    """The secrets of ``[database.backup]`` by key; empty without that table.

    Raises:
        SpecError: as :func:`variables`; or one is empty.
    """
    backup = spec.database.backup
    texts = backup.secrets if backup is not None else {}
    return _secrets(("database", "backup"), texts, environ, path)


def publish_secrets(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> dict[str, Secret]:
    """The secrets of ``[publish]`` by key; empty without that table.

    Raises:
        SpecError: as :func:`variables`; or one is empty.
    """
    texts = spec.publish.secrets if spec.publish is not None else {}
    return _secrets(("publish",), texts, environ, path)


def alert_webhook(
    spec: AppSpec, environ: Mapping[str, str], *, path: Path | None = None
) -> Secret | None:
    """``[alerts] webhook`` with ``${NAME}`` taken from ``environ``; ``None`` where there is none.

    Raises:
        SpecError: as :func:`variables`, or what a variable holds is no such address.
    """
    text = spec.alerts.webhook if spec.alerts else None
    if text is None:
        return None
    key = ("alerts", "webhook")
    _require_set({key: text}, environ, path)
    found = values.expand(text, environ)
    try:
        alerts.require_webhook(found)
    except ValueError as error:
        raise _at_lines([Problem(key, str(error))], path) from None
    return Secret(found)


def _secrets(
    table: tuple[str, ...], texts: Mapping[str, str], environ: Mapping[str, str], path: Path | None
) -> dict[str, Secret]:
    _require_set({(*table, key): text for key, text in texts.items()}, environ, path)
    found = {key: values.expand(text, environ).strip() for key, text in texts.items()}
    empty = [
        Problem((*table, key), "the variable is set, and empty")
        for key, text in found.items()
        if not text
    ]
    if empty:
        raise _at_lines(empty, path)
    return {key: Secret(text) for key, text in found.items()}


def _own_url(
    table: str, text: str | None, environ: Mapping[str, str], path: Path | None
) -> Secret | None:
    if text is None:
        return None
    _require_set({(table, "url"): text}, environ, path)
    return Secret(values.expand(text, environ))


def _require_set(
    texts: Mapping[locate.Key, str], environ: Mapping[str, str], path: Path | None
) -> None:
    missing = [
        Problem(key, f"${{{name}}} is not set where tenfold was started")
        for key, text in texts.items()
        for name in values.references(text)
        if name not in environ
    ]
    if missing:
        raise _at_lines(missing, path)


def _at_lines(problems: Sequence[Problem], path: Path | None) -> SpecError:
    found = locate.lines(_read(path)) if path else {}
    return _refusal(problems, found, path.name if path else FILE_NAME)


def _read(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        raise SpecError(
            f"there is no {file.name} in {file.parent.absolute()}",
            next="tenfold init writes one by looking at the project",
        ) from None
    except OSError as error:
        raise SpecError(f"{file} cannot be read: {error.strerror}") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{file.name}:{line}: not UTF-8 text; save the file as UTF-8") from None


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = _POSITION.search(message)
        line, column = _end(text) if found is None or found[1] is None else found.groups()
        raise SpecError(
            f"{name}:{line}:{column}: not TOML: {_reason(_POSITION.sub('', message))}",
            next=f"correct line {line}; tenfold docs shows every key as it is written",
        ) from None


def _reason(message: str) -> str:
    """What a person would say to the commonest slips; otherwise the parser's own words."""
    for start, words in _SLIPS.items():
        if message.startswith(start):
            return words
    return message[:1].lower() + message[1:]


def _end(text: str) -> tuple[str, str]:
    lines = text.rstrip("\n").split("\n")
    return str(len(lines)), str(len(lines[-1]) + 1)


def _refusal(problems: Sequence[Problem], found: Mapping[locate.Key, int], name: str) -> SpecError:
    placed = sorted(((_line(p.path, found), p) for p in problems), key=lambda pair: pair[0])
    listed = [f"{name}:{line}: {problem.where}: {problem.text}" for line, problem in placed]
    sections = {str(p.path[0]) for _, p in placed if len(p.path) > 1 and not later.when(p.path[:1])}
    section = f" {min(sections)}" if len(sections) == 1 else ""
    return SpecError("\n".join(listed), next=f"correct it; tenfold docs{section} explains the keys")


def _line(path: locate.Key, found: Mapping[locate.Key, int]) -> int:
    """The key's line; for one that is missing that of the table it is missing in."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in found:
            return found[path[:depth]]
    return 1
