"""Sends one message: to a webhook, or to a command that the agent runs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException, HTTPMessage
from typing import IO, Any

from tenfold.agent.wire import to_wire
from tenfold.metrics import agents
from tenfold.metrics.agents import Place
from tenfold.secret import Secret
from tenfold.topology.process import Command

WEBHOOK_SECONDS = 10.0
COMMAND_SECONDS = 30.0
VARIABLE = "TENFOLD_ALERT"


class _Stay(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: what is sent is for whoever the file names."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        """``None``: the redirect is the answer, and no success."""


def to_webhook(url: Secret, message: Mapping[str, Any]) -> str | None:
    """POST the message; ``None``, or why it did not arrive, without anything of the URL in it."""
    try:
        request = urllib.request.Request(  # noqa: S310 - the scheme is checked where it is read
            url.reveal(),
            data=json.dumps(message).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "tenfold"},
            method="POST",
        )
        opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler())
        with opener.open(request, timeout=WEBHOOK_SECONDS) as answer:
            status = int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return f"it answered {refused.code}"
    except urllib.error.URLError as fault:
        return _reason(fault.reason)
    except (OSError, HTTPException, ValueError) as fault:
        return _reason(fault)
    return None if 200 <= status < 300 else f"it answered {status}"


def to_command(argv: tuple[str, ...], message: Mapping[str, Any], place: Place) -> str | None:
    """Run the command with the message in ``TENFOLD_ALERT``; ``None``, or why it failed."""
    env = {VARIABLE: json.dumps(message), "TENFOLD_ALERT_TEXT": str(message["text"])}
    command = Command(argv, env=env, within_seconds=COMMAND_SECONDS)
    request = {"order": "run", "command": to_wire(command)}
    try:
        done = agents.ask(place, request, within_seconds=COMMAND_SECONDS + agents.WITHIN_SECONDS)
    except agents.Silent as fault:
        return str(fault)[:200]
    if done["code"] == 0:
        return None
    last = (str(done["tail"]).strip().splitlines() or [""])[-1][:200]
    return f"it exited with {done['code']}" + (f": {last}" if last else "")


def _reason(fault: object) -> str:
    """A few words; an error's text may name the address, and a webhook's address is a secret."""
    if isinstance(fault, TimeoutError):
        return f"no answer within {WEBHOOK_SECONDS:g} s"
    told = getattr(fault, "strerror", None)
    return str(told) if told else f"it cannot be reached ({type(fault).__name__})"
