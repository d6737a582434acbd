"""What can go wrong in the app's own terms; api and pages each show it in their way.

Problem
 +- Invalid        422  what was sent cannot be accepted, field by field
 |  +- Taken            somebody else has that name or address
 +- Unauthorized   401  not signed in, or not with these credentials
 +- Forbidden      403  signed in, but it is not theirs
 +- NotFound       404  there is no such thing
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

BLANK = "can't be blank"
TAKEN = "has already been taken"
WHOLE = ""
"""In place of a field, for what is wrong with the request as a whole."""

Errors = dict[str, list[str]]


class Problem(Exception):
    """A refusal with a status and, as the RealWorld API has it, messages by field."""

    status = 500

    def __init__(self, errors: Errors) -> None:
        super().__init__(errors)
        self.errors = errors


class Invalid(Problem):
    """What was sent cannot be accepted."""

    status = 422


class Taken(Invalid):
    """A name or an address is somebody else's."""

    def __init__(self, field: str) -> None:
        super().__init__({field: [TAKEN]})


class Unauthorized(Problem):
    """Nobody is signed in, or the credentials are wrong."""

    status = 401

    def __init__(self, subject: str, message: str) -> None:
        super().__init__({subject: [message]})


class Forbidden(Problem):
    """Somebody is signed in, but this is not theirs to change."""

    status = 403

    def __init__(self, subject: str) -> None:
        super().__init__({subject: ["forbidden"]})


class NotFound(Problem):
    """There is no such article, comment or profile."""

    status = 404

    def __init__(self, subject: str) -> None:
        super().__init__({subject: ["not found"]})


def told(errors: Errors) -> Errors:
    """As the API says it: every message under ``body``, as a sentence, and by field for forms."""
    sentences = [
        f"{field} {message}".strip() for field, messages in errors.items() for message in messages
    ]
    fields = {field: messages for field, messages in errors.items() if field != WHOLE}
    return {**fields, "body": sentences}


def from_validation(details: Iterable[Mapping[str, Any]]) -> Errors:
    """pydantic's findings as messages by field (the innermost name in the location)."""
    errors: Errors = {}
    for detail in details:
        errors.setdefault(_field(detail["loc"]), []).append(_message(detail))
    return errors


def _field(location: tuple[int | str, ...]) -> str:
    names = [part for part in location if isinstance(part, str)]
    return names[-1] if names else "body"


def _message(detail: Mapping[str, Any]) -> str:
    kind = detail["type"]
    if kind == "missing" or detail.get("input", ...) in (None, ""):
        return BLANK
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "string_too_long":
        return f"is too long (maximum is {detail['ctx']['max_length']} characters)"
    if kind == "string_too_short":
        return f"is too short (minimum is {detail['ctx']['min_length']} characters)"
    if kind == "json_invalid":
        return "is not valid JSON"
    return "is invalid"
