"""Core values, errors and orders as JSON: what travels between a client and an agent.

One JSON object per line. A request names its ``order``; the answers to it are any number of
``{"progress": text}``, ``{"output": line}`` and ``{"alive": true}``, and one last
``{"ok": result}`` or ``{"error": {"kind", "what", "changed", "next", "detail"}}``.

Secrets travel and are stored in the clear as ``{"$secret": value}``: the socket and the files are
private to the deployment's user.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from tenfold import errors
from tenfold.secret import Secret

PROTOCOL = 1
SOCKET_NAME = "agent.sock"
MAX_LINE_BYTES = 64 << 20
ALIVE_EVERY_SECONDS = 5.0

T = TypeVar("T")


def line(message: Mapping[str, Any]) -> bytes:
    """One message as a line."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def to_wire(value: Any) -> Any:
    """A frozen value (or a container of them) as plain JSON data."""
    if isinstance(value, Secret):
        return {"$secret": value.reveal()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_wire(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: to_wire(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_wire(item) for item in value]
    return value


def from_wire(kind: type[T], data: Any) -> T:
    """The value that :func:`to_wire` made ``data`` of.

    Raises:
        ValueError: ``data`` is not a ``kind``.
    """
    try:
        return typing.cast(T, _build(kind, data))
    except (TypeError, KeyError, AttributeError) as wrong:
        raise ValueError(f"not a {kind.__name__}: {wrong}") from wrong


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, data: Any) -> Any:
    if isinstance(data, dict) and "$secret" in data:
        return Secret(data["$secret"])
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{k: _build(hints[k], v) for k, v in data.items() if k in hints})
    if origin in (typing.Union, types.UnionType):
        return data if data is None else _build(_concrete(kind), data)
    if origin is tuple:
        inner = typing.get_args(kind)
        if inner[-1] is Ellipsis:
            return tuple(_build(inner[0], item) for item in data)
        return tuple(_build(k, item) for k, item in zip(inner, data, strict=True))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {key: _build(typing.get_args(kind)[1], item) for key, item in data.items()}
    return data


def _concrete(union: Any) -> Any:
    """The member of ``X | None`` or ``str | Secret`` that plain data stands for."""
    return next(k for k in typing.get_args(union) if k not in (type(None), Secret))


def error_to_wire(error: BaseException) -> dict[str, Any]:
    """An error as data; one that nobody expected becomes a ``TargetError`` naming its type."""
    if not isinstance(error, errors.TenfoldError):
        text = f"the agent failed at this order: {type(error).__name__}: {error}"
        error = errors.TargetError(text, next="tenfold logs agent")
    kind = next(k.__name__ for k in type(error).__mro__ if k.__module__ == errors.__name__)
    return {
        "kind": kind,
        "what": error.what,
        "changed": error.changed,
        "next": error.next,
        "detail": error.detail,
    }


def error_from_wire(data: Mapping[str, Any]) -> errors.TenfoldError:
    """The same error, of the same class; of an unknown class, a ``TargetError``."""
    kind = getattr(errors, str(data.get("kind")), errors.TargetError)
    if not (isinstance(kind, type) and issubclass(kind, errors.TenfoldError)):
        kind = errors.TargetError
    return kind(
        str(data.get("what")),
        changed=data.get("changed"),
        next=data.get("next"),
        detail=data.get("detail"),
    )
