"""What a Redis-compatible server says of itself: the figures of its INFO."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import BinaryIO, Final

from tenfold.metrics.snapshot import Redis
from tenfold.secret import Secret

WITHIN_SECONDS: Final = 3.0
MAX_ANSWER_BYTES: Final = 256 << 10
FIELDS: Final = (
    "connected_clients",
    "blocked_clients",
    "used_memory",
    "maxmemory",
    "total_commands_processed",
    "expired_keys",
    "evicted_keys",
    "keyspace_hits",
    "keyspace_misses",
    "rejected_connections",
    "rdb_last_bgsave_status",
    "aof_last_write_status",
)


def ask(host: str, address: str, port: int, password: Secret) -> Redis:
    """What the server at this address says, or that it does not answer."""
    try:
        with socket.create_connection((address.strip("[]"), port), WITHIN_SECONDS) as connection:
            connection.settimeout(WITHIN_SECONDS)
            connection.sendall(_command("AUTH", password.reveal()) + _command("INFO"))
            with connection.makefile("rb") as answers:
                if not answers.readline(1024).startswith(b"+OK"):
                    return Redis(host, up=False)
                return Redis(host, up=True, fields=fields(_bulk(answers)))
    except (OSError, ValueError):
        return Redis(host, up=False)


def fields(info: str) -> Mapping[str, float]:
    """The figures that are kept, and ``keys`` of all databases; a status is 1 for ``ok``."""
    found: dict[str, float] = {"keys": 0.0}
    for line in info.splitlines():
        name, colon, value = line.partition(":")
        if not colon:
            continue
        if name in FIELDS:
            found[name] = float(value == "ok") if name.endswith("_status") else float(value)
        elif name.startswith("db") and name[2:].isdigit():
            keys = value.partition("keys=")[2].partition(",")[0]
            found["keys"] += float(keys or 0)
    return found


def _command(*words: str) -> bytes:
    parts = [f"*{len(words)}\r\n".encode()]
    for word in map(str.encode, words):
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def _bulk(answers: BinaryIO) -> str:
    """One bulk string. Raises ``ValueError`` for anything else."""
    head = answers.readline(1024)
    size = int(head[1:]) if head[:1] in (b"$", b"=") else -1
    if not 0 <= size <= MAX_ANSWER_BYTES:
        raise ValueError("no INFO came")
    return answers.read(size).decode("utf-8", "replace")
