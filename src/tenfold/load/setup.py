"""The requests before the load: accounts, sign-ins, what the load needs to find; their captures."""

from __future__ import annotations

import json

import aiohttp
from pydantic import JsonValue

from tenfold.errors import LoadError
from tenfold.load.client import Client, Fetched
from tenfold.load.compose import compose
from tenfold.load.ids import setup_id
from tenfold.load.plan import LoadPlan, RequestPlan
from tenfold.load.template import Choose, Values

_EXCERPT_CHARACTERS = 500


async def run_setup(plan: LoadPlan, client: Client, choose: Choose) -> dict[str, JsonValue]:
    """Make the setup requests in order; the captured values by name.

    Raises:
        LoadError: one failed, or did not answer what was to be captured. No load was made.
    """
    captured: dict[str, JsonValue] = {}
    for number, request in enumerate(plan.setup, start=1):
        own: dict[str, JsonValue] = {
            "id": setup_id(plan.run_id, number),
            "n": number,
            "run": plan.run_id,
        }
        answer = await _made(request, {**captured, **own}, client, choose, plan.timeout_seconds)
        captured |= {
            name: capture(answer, what, where=f"{request.name}, to capture {name}")
            for name, what in request.capture
        }
    return captured


async def _made(
    request: RequestPlan, values: Values, client: Client, choose: Choose, timeout_seconds: float
) -> Fetched:
    prepared = compose(request, values, choose)
    try:
        answer = await client.fetch(prepared, timeout_seconds=timeout_seconds)
    except (aiohttp.ClientError, OSError) as error:
        raise _failed(f"{request.name}: {type(error).__name__}: {error}") from error
    if not request.succeeded(answer.status):
        raise _failed(
            f"{request.name} answered {answer.status}", detail=answer.text(_EXCERPT_CHARACTERS)
        )
    return answer


def capture(answer: Fetched, what: str, *, where: str) -> JsonValue:
    """The value at `what`: ``user.token``, ``items.0.id`` (JSON), ``header:NAME``, ``cookie:NAME``.

    Raises:
        LoadError: there is none.
    """
    kind, _, name = what.partition(":")
    if kind in ("header", "cookie") and name:
        found = answer.headers.get(name.lower()) if kind == "header" else answer.cookies.get(name)
        if found is None:
            raise _failed(f"{where}: the answer has no {kind} {name!r}")
        return found
    try:
        value: JsonValue = json.loads(answer.body)
    except ValueError as error:
        detail = answer.text(_EXCERPT_CHARACTERS)
        raise _failed(f"{where}: the answer is not JSON", detail=detail) from error
    for step in what.split("."):
        value = _inside(value, step, what, where)
    return value


def _inside(value: JsonValue, step: str, what: str, where: str) -> JsonValue:
    if isinstance(value, dict) and step in value:
        return value[step]
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    has = f"it has {', '.join(value)}" if isinstance(value, dict) else "it has no such thing"
    raise _failed(f"{where}: the answer has no {what!r}: no {step!r}, {has}")


def _failed(what: str, detail: str | None = None) -> LoadError:
    return LoadError(
        f"setup of the load failed: {what}",
        next="correct [[load.setup]], or look at the app's log: tenfold logs",
        detail=detail,
    )
