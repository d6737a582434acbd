"""The few questions and orders that the leash has for etcd, over its JSON gateway."""

from __future__ import annotations

import base64
import http.client
import json
import math
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tenfold.leash.config import Config, Tls


class Unreachable(Exception):
    """No member of etcd answered, or none could; the text says what the last one said."""


@dataclass(frozen=True, slots=True)
class Leader:
    """The leader's key: whose it is, and how many seconds of its lease are left at least.

    ``revision`` is when it was written: one that is written again has another.
    """

    member: str
    left_seconds: float
    revision: str


@dataclass
class Etcd:
    """All members of one cluster; each question goes to the first that answers it, beginning with
    ``first``: whoever answered last, or whose turn it is.

    Each is waited for ``within_seconds``, and none at all from ``deadline`` on, by the monotonic
    clock: who has no time for all of them goes on with the next ones later.
    """

    urls: tuple[str, ...]
    tls: Tls | None
    within_seconds: float = 2.0
    first: int = 0
    deadline: float = math.inf

    def leader(self, key: str) -> Leader | None:
        """Who has the leader's key; ``None`` where nobody has.

        Raises:
            Unreachable: nobody can say.
        """
        found = self._ask("kv/range", {"key": _coded(key)}).get("kvs", [])
        if not found:
            return None
        lease = found[0].get("lease", "0")
        left = self._ask("lease/timetolive", {"ID": lease}) if lease != "0" else {}
        # Rounded down; a lease that is over has -1, or none at all.
        seconds = float(left.get("TTL", 0))
        return Leader(_decoded(found[0]["value"]), seconds, str(found[0]["mod_revision"]))

    def has_successor(self, prefix: str, member: str) -> bool:
        """Whether another member may be elected: of those that have every commit, where commits
        wait for others at all. Raises ``Unreachable``."""
        sync = self._value(f"{prefix}sync")
        if sync.get("leader"):
            return bool(set((sync.get("sync_standby") or "").split(",")) - {"", member})
        names = f"{prefix}members/"
        asked = {"key": _coded(names), "range_end": _coded(f"{prefix}members0"), "keys_only": True}
        found = self._ask("kv/range", asked).get("kvs", [])
        return any(_decoded(one["key"]) != names + member for one in found)

    def is_to_step_down(self, prefix: str, member: str) -> bool:
        """Whether this member was ordered to let another one lead, at once: an order for later
        may be changed by then. Raises ``Unreachable``."""
        order = self._value(f"{prefix}failover")
        return order.get("leader") == member and not order.get("scheduled_at")

    def _value(self, key: str) -> dict[str, Any]:
        found = self._ask("kv/range", {"key": _coded(key)}).get("kvs", [])
        return _object(_decoded(found[0]["value"])) if found else {}

    def take_away(self, key: str, member: str) -> bool:
        """Delete the leader's key if it is still this member's; gives whether it was.

        It is the key as it was seen that goes: an order that arrives late, when the member has
        started again and leads again, finds another.

        Raises:
            Unreachable: nobody can say whether it was done.
        """
        seen = self.leader(key)
        if seen is None or seen.member != member:
            return False
        unchanged = {"key": _coded(key), "target": "MOD", "modRevision": seen.revision}
        return self._if(
            {**unchanged, "result": "EQUAL"}, {"requestDeleteRange": {"key": _coded(key)}}
        )

    def create(self, key: str, value: str) -> bool:
        """Have a key where there is none; gives whether there was none. Raises ``Unreachable``."""
        return self._if(
            {"key": _coded(key), "target": "CREATE", "result": "EQUAL", "createRevision": "0"},
            {"requestPut": {"key": _coded(key), "value": _coded(value)}},
        )

    def remove(self, key: str) -> None:
        """Have no such key, whatever is in it. Raises ``Unreachable``."""
        self._ask("kv/deleterange", {"key": _coded(key)})

    def _if(self, condition: dict[str, Any], then: dict[str, Any]) -> bool:
        asked = {"compare": [condition], "success": [then]}
        return bool(self._ask("kv/txn", asked).get("succeeded", False))

    def _ask(self, what: str, asked: dict[str, Any]) -> dict[str, Any]:
        last = "there is no address"
        for _ in self.urls:
            within = min(self.within_seconds, self.deadline - time.monotonic())
            if within <= 0:
                break
            url = self.urls[self.first]
            try:
                status, said = request(url, f"/v3/{what}", self.tls, within, asked)
                if status == 200 and isinstance(said, dict):
                    return said
                last = f"{url}: status {status}"
            except (OSError, http.client.HTTPException) as fault:
                last = f"{url}: {fault or type(fault).__name__}"
            self.first = (self.first + 1) % len(self.urls)
        raise Unreachable(last)


def of(config: Config) -> Etcd:
    """The cluster that the leash is told of."""
    return Etcd(config.etcd, config.tls)


def request(
    url: str,
    path: str,
    tls: Tls | None,
    within_seconds: float,
    body: object = None,
    method: str | None = None,
) -> tuple[int, Any]:
    """One request that is answered with JSON, or with text; by default a POST if there is a body.

    Raises:
        OSError: no answer.
        http.client.HTTPException: no HTTP.
    """
    connection = connect(url, tls, within_seconds)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method or ("GET" if text is None else "POST"), path, text)
        answer = connection.getresponse()
        said = answer.read()
        try:
            return answer.status, json.loads(said)
        except ValueError:
            return answer.status, said.decode("utf-8", "replace")
    finally:
        connection.close()


def connect(url: str, tls: Tls | None, within_seconds: float) -> http.client.HTTPConnection:
    """A connection that is not open yet."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=within_seconds)
    context = _context(tls)
    return http.client.HTTPSConnection(host, port, timeout=within_seconds, context=context)


def _context(tls: Tls | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if tls is None else tls.authority)
    if tls is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def _object(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode("utf-8", "replace")
