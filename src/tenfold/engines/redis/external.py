"""A Redis-compatible server that is the user's own: what its URL says, and whether it answers.

Nothing of it is changed, and no text that is made here has the password.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from tenfold.engines.local import is_local, is_private
from tenfold.errors import Refused
from tenfold.secret import Secret

VARIABLE: Final = "REDIS_URL"
PORT: Final = 6379
ANSWER_SECONDS: Final = 5.0
LONGEST_LINE, LONGEST_ANSWER, LONGEST_LIST = 4096, 1 << 20, 16
_NEXT: Final = "correct the variable that [redis] url takes, then give the command again"
_PLAIN: Final = ("redis", "valkey")
_ENCRYPTED: Final = ("rediss", "valkeys")
_SOCKET: Final = ("unix", "redis+socket", "redis+unix")


class _Stream(Protocol):
    """Both directions of a connection."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def write(self, data: bytes, /) -> int: ...
    def flush(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where it is and as whom; ``path`` is that of a socket, and then there is no host."""

    host: str
    port: int
    path: str = ""
    user: str = ""
    password: Secret | None = None
    encrypted: bool = False

    @property
    def place(self) -> str:
        """``host:port``, or the socket's path."""
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether nothing of the connection leaves this machine."""
        return is_local(self.host)


@dataclass(frozen=True, slots=True)
class Facts:
    """What it says of itself; what it does not say is empty, zero or ``None``.

    Attributes:
        version: which server it is.
        policy: what it does when its memory is full.
        used_bytes: how much its data takes.
        max_bytes: how much it may; 0 is without a bound.
        logs: it writes what it is told to an append-only file.
        saves: when it makes snapshots, as its configuration has it; empty is never.
        follows: it is a replica of another.
        clustered: it is part of a cluster.
        private: its address is one of a private network.
    """

    version: str = ""
    policy: str = ""
    used_bytes: int = 0
    max_bytes: int = 0
    logs: bool | None = None
    saves: str | None = None
    follows: bool = False
    clustered: bool = False
    private: bool = False


def parse(url: Secret) -> Address:
    """What the URL says.

    Raises:
        Refused: it is not one of a Redis-compatible server.
    """
    try:
        parts = urlsplit(url.reveal())
        port = parts.port or PORT
        options = parse_qs(parts.query)
    except ValueError:
        raise _malformed(
            "it is not a URL; @ : / # of a password are written %40 %3A %2F %23"
        ) from None
    if parts.scheme not in (*_PLAIN, *_ENCRYPTED, *_SOCKET):
        raise _malformed("it does not begin with redis://, rediss:// or unix://")
    on_socket = parts.scheme in _SOCKET
    if on_socket and not parts.path:
        raise _malformed("it names no socket: unix:///run/redis/redis.sock")
    password = unquote(parts.password or "") or options.get("password", [""])[0]
    return Address(
        host="" if on_socket else parts.hostname or "localhost",
        port=port,
        path=unquote(parts.path) if on_socket else "",
        user=unquote(parts.username or ""),
        password=Secret(password) if password else None,
        encrypted=parts.scheme in _ENCRYPTED,
    )


def look(address: Address) -> Facts:
    """Ask it, as the app would.

    Raises:
        Refused: it cannot be reached, does not let this user in, or speaks something else.
    """
    try:
        with _connected(address) as connection:
            return _asked(connection, address)
    except ssl.SSLError as error:
        raise _unreachable(address, f"TLS: {error.reason or error}") from None
    except OSError as error:
        raise _unreachable(address, error.strerror or str(error)) from None


@contextmanager
def _connected(address: Address) -> Iterator[socket.socket]:
    if address.path:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(address.path)
            yield connection
        return
    with socket.create_connection((address.host, address.port), ANSWER_SECONDS) as plain:
        if not address.encrypted:
            yield plain
            return
        context = ssl.create_default_context()
        # Whether the server is who it says is between the app's client and its own settings.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain, server_hostname=address.host) as connection:
            yield connection


def _asked(connection: socket.socket, address: Address) -> Facts:
    with connection.makefile("rwb") as stream:
        if address.password is not None:
            who = (address.user,) if address.user else ()
            said = _ask(stream, "AUTH", *who, address.password.reveal())
            _require(said, "+OK", address)
        _require(_ask(stream, "PING"), "+PONG", address)
        told = [line.partition(":") for line in _ask(stream, "INFO").splitlines()]
        # An app's user, and one of a managed server, may not ask that.
        saves = _ask(stream, "CONFIG", "GET", "save")
    private = not address.path and is_private(connection.getpeername()[0])
    return _facts({key: value.strip() for key, _, value in told}, _second(saves), private)


def _ask(stream: _Stream, *words: str) -> str:
    """A command's answer: one line, one text, or the texts of a list, each on a line of its own."""
    parts = [word.encode() for word in words]
    stream.write(b"*%d\r\n" % len(parts))
    stream.write(b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
    stream.flush()
    line = _line(stream)
    if line.startswith("*") and line[1:].isdecimal() and int(line[1:]) <= LONGEST_LIST:
        return "\n".join(["*", *(_text(stream, _line(stream)) for _ in range(int(line[1:])))])
    return _text(stream, line)


def _line(stream: _Stream) -> str:
    return stream.readline(LONGEST_LINE).decode("utf-8", "replace").rstrip()


def _text(stream: _Stream, line: str) -> str:
    if line.startswith("$") and line[1:].isdecimal() and int(line[1:]) <= LONGEST_ANSWER:
        return stream.read(int(line[1:]) + 2).decode("utf-8", "replace").removesuffix("\r\n")
    return line


def _second(answer: str) -> str | None:
    """The value in the answer to ``CONFIG GET``; ``None`` if there is none."""
    words = answer.split("\n")
    return words[2] if words[0] == "*" and len(words) == 3 else None


def _facts(info: Mapping[str, str], saves: str | None, private: bool) -> Facts:
    name = "Valkey" if info.get("server_name") == "valkey" else "Redis"
    version = info.get("valkey_version") or info.get("redis_version") or ""
    logs = info.get("aof_enabled")
    return Facts(
        version=f"{name} {version}".strip(),
        policy=info.get("maxmemory_policy", ""),
        used_bytes=_number(info, "used_memory"),
        max_bytes=_number(info, "maxmemory"),
        logs=None if logs is None else logs == "1",
        saves=saves,
        follows=info.get("role") == "slave",
        clustered=info.get("cluster_enabled") == "1",
        private=private,
    )


def _number(info: Mapping[str, str], key: str) -> int:
    text = info.get(key, "")
    return int(text) if text.isdecimal() else 0


def _require(answer: str, wanted: str, address: Address) -> None:
    if answer == wanted:
        return
    if answer.startswith(("-NOAUTH", "-WRONGPASS", "-ERR invalid password", "-ERR AUTH")):
        raise Refused(
            f"your Redis {address.place} does not let {address.user or 'the app'} in",
            detail=_masked(answer[1:], address),
            next=_NEXT,
        )
    said = _masked(answer.lstrip("-"), address) or "it closed the connection"
    raise _unreachable(address, said)


def _masked(text: str, address: Address) -> str:
    return address.password.masked_in(text) if address.password else text


def notes(address: Address, facts: Facts) -> Iterator[str]:
    """What a person should know of it."""
    if not address.local and not address.encrypted:
        yield "the connection to Redis is not encrypted; rediss:// is"
    if not address.local and address.password is None:
        yield f"{address.place} asks for no password"
    if facts.policy not in ("", "noeviction"):
        yield f"{address.place} drops keys when its memory is full ({facts.policy}): not for queues"


def _unreachable(address: Address, why: str) -> Refused:
    return Refused(f"your Redis {address.place} does not answer", detail=why, next=_NEXT)


def _malformed(why: str) -> Refused:
    return Refused(f"[redis] url cannot be used: {why}", next=_NEXT)
