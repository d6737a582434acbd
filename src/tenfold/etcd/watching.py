"""Hearing of changes as they happen."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tenfold.etcd import values
from tenfold.etcd.client import Client
from tenfold.etcd.faults import EtcdError, of_answer
from tenfold.etcd.values import KeyValue

QUIET_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Change:
    """A key was written, or is ``removed``: then only its name and the revision are known."""

    key: KeyValue
    removed: bool


def watch(
    client: Client, key: str, *, prefix: bool = False, since: int, quiet: float = QUIET_SECONDS
) -> Iterator[Change | None]:
    """Every change from revision ``since`` on, in order, each once; without end.

    ``None`` comes when nothing was heard for ``quiet`` seconds, and when no member answers: then
    the next one is asked, from where the last one had come to.

    Raises:
        EtcdError: of kind ``compacted``: the revision is gone, look anew; or refused.
    """
    while True:
        for url in client.exchange.order():
            try:
                for change in _heard(client, url, values.span(key, prefix), since, quiet):
                    since = change.key.revision + 1
                    yield change
            except EtcdError as error:
                if error.kind != "silent":
                    raise
                client.exchange.sleep(AGAIN_SECONDS)
            yield None


def _heard(
    client: Client, url: str, span: dict[str, Any], since: int, quiet: float
) -> Iterator[Change]:
    """What one member tells until it is quiet or breaks off."""
    body = {"create_request": {**span, "start_revision": str(since)}}
    connection, response = client.exchange.stream(url, "/v3/watch", body, quiet)
    try:
        if response.status != 200:
            raise of_answer(url, response.status, _json(response.read()))
        while line := response.readline():
            told = _json(line)
            if "error" in told:
                raise of_answer(url, 200, told)
            yield from _changes(url, told.get("result", {}))
    except TimeoutError:
        return
    except (OSError, http.client.HTTPException) as error:
        raise EtcdError("silent", f"{url} broke off") from error
    finally:
        connection.close()


def _changes(url: str, told: dict[str, Any]) -> Iterator[Change]:
    if told.get("canceled"):
        gone = "compact_revision" in told
        reason = "its revision is gone" if gone else told.get("cancel_reason", "no reason told")
        kind = "compacted" if gone else "silent"
        raise EtcdError(kind, f"etcd at {url} ended a watch: {reason}")  # type: ignore[arg-type]
    for event in told.get("events", ()):
        yield Change(values.key_value(event["kv"]), event.get("type") == "DELETE")


def _json(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
