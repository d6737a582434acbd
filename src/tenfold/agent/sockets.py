"""Listening sockets: bound once, owned by the agent and its keeper, passed on to units."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tenfold.agent.holder import holder
from tenfold.agent.store import Corrupt, Store
from tenfold.errors import PortTaken, TargetError
from tenfold.topology.process import Listen

FOLDER = "sockets"


@dataclass(frozen=True, slots=True)
class Owned:
    """A listening socket; ``listen.port`` is the real one, never 0."""

    listen: Listen
    socket: socket.socket

    @property
    def endpoint(self) -> str:
        """``address:port``."""
        return f"{self.listen.address}:{self.listen.port}"


def bind(listen: Listen) -> Owned:
    """Bind and listen.

    Raises:
        PortTaken: somebody else listens there; names them where that can be known.
        TargetError: the address cannot be had at all.
    """
    family = socket.AF_INET6 if ":" in listen.address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((listen.address, listen.port))
        listener.listen(listen.backlog)
        # nginx leaves the flags of an inherited socket as they are, and a worker that loses the
        # race for a connection must not wait in accept().
        listener.setblocking(False)
    except OSError as fault:
        listener.close()
        raise _cannot_bind(listen, fault) from fault
    port = int(listener.getsockname()[1])
    return Owned(replace(listen, port=port), listener)


def taken(listen: Listen) -> PortTaken:
    """The error for a port at which somebody else listens, naming them as far as one may know."""
    return PortTaken(
        f"port {listen.port} of {listen.address} is taken by {holder(listen.address, listen.port)}",
        next="stop it, or choose another port with --port",
    )


def _cannot_bind(listen: Listen, fault: OSError) -> TargetError | PortTaken:
    where = f"{listen.address}:{listen.port}"
    if fault.errno == errno.EADDRINUSE:
        return taken(listen)
    if fault.errno in (errno.EACCES, errno.EPERM):
        return TargetError(
            f"cannot listen on {where}: {fault.strerror}",
            next="ports below 1024 belong to root: choose another port with --port",
        )
    return TargetError(f"cannot listen on {where}: {fault.strerror}")


class Sockets:
    """All listening sockets of a host, by name; remembered so that ports stay the same.

    ``changed`` is called with name and descriptor of each socket that is new, ``gone`` with the
    name of one that nobody is to have a copy of any more.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._owned: dict[str, Owned] = {}
        self.changed: Callable[[str, int], None] = lambda name, fd: None
        self.gone: Callable[[str], Awaitable[None]] = _nobody_else

    def own(self, listen: Listen) -> Owned:
        """Have this socket.

        Port 0 means any, and the one that was found before if there was one.

        Raises:
            PortTaken, TargetError: as :func:`bind`; then nothing has changed.
        """
        known = self._owned.get(listen.name)
        if known is not None and _fits(known.listen, listen):
            return self._as_wanted(known, listen)
        owned = self._bind_as_before(listen)
        try:
            self._store.write(FOLDER, listen.name, _record(owned.listen))
        except TargetError:
            owned.socket.close()
            raise
        if known is not None:
            known.socket.close()
        self._owned[listen.name] = owned
        self.changed(listen.name, owned.socket.fileno())
        return owned

    def _as_wanted(self, known: Owned, listen: Listen) -> Owned:
        """The same socket, with what may be otherwise without another one."""
        wanted = replace(listen, port=known.listen.port)
        if wanted == known.listen:
            return known
        self._store.write(FOLDER, listen.name, _record(wanted))
        if known.listen.backlog != wanted.backlog:
            known.socket.listen(wanted.backlog)
        owned = self._owned[listen.name] = Owned(wanted, known.socket)
        return owned

    def that_give_way(self) -> list[str]:
        """The names of those that do while nobody accepts."""
        return [name for name, owned in self._owned.items() if owned.listen.gives_way]

    def shorten(self, name: str) -> None:
        """Have its queue take nobody more but one who finds it empty; who is in it stays."""
        self._owned[name].socket.listen(0)

    def lengthen(self, name: str) -> None:
        """Have its queue be as long as it is to be; fine if there is no such socket."""
        if name in self._owned:
            owned = self._owned[name]
            owned.socket.listen(owned.listen.backlog)

    def inherit(self, name: str, fd: int) -> None:
        """Own a descriptor that a keeper kept; what it is counts, not what is remembered of it."""
        listener = socket.socket(fileno=fd)
        listener.set_inheritable(False)
        address, port = listener.getsockname()[:2]
        listen = Listen(name, address, port)
        try:
            listen = self.remembered(name) or listen
        except Corrupt:
            self._store.write(FOLDER, name, _record(listen))
        self._owned[name] = Owned(listen, listener)

    def take_over(self, name: str, fd: int) -> bool:
        """Own a descriptor that was recovered; ``False`` when it is not the one remembered."""
        remembered = self.remembered(name)
        listener = socket.socket(fileno=fd)
        if remembered is None or listener.getsockname()[:2] != (
            remembered.address,
            remembered.port,
        ):
            listener.close()
            return False
        listener.set_inheritable(False)
        self._owned[name] = Owned(remembered, listener)
        return True

    def remembered(self, name: str) -> Listen | None:
        """What was bound under this name, by this agent or a predecessor. Raises ``Corrupt``."""
        data = self._store.read(FOLDER, name)
        try:
            return None if data is None else Listen(**data)
        except TypeError as fault:
            raise self._store.set_aside(FOLDER, name, str(fault)) from fault

    def names_remembered(self) -> list[str]:
        """Every name that was bound once."""
        return self._store.names(FOLDER)

    def fd(self, name: str) -> int:
        """The descriptor to pass on; one that was lost is bound again.

        Raises:
            TargetError: there is no such socket.
            PortTaken: it was lost, and somebody else has taken its port meanwhile.
        """
        if name not in self._owned:
            remembered = self.remembered(name)
            if remembered is None:
                raise TargetError(f"this host has no listening socket called {name}")
            self._owned[name] = bind(remembered)
            self.changed(name, self._owned[name].socket.fileno())
        return self._owned[name].socket.fileno()

    def knows(self, name: str) -> bool:
        """Whether a socket of this name was ever bound."""
        return name in self._owned or self.remembered(name) is not None

    def has(self, name: str) -> bool:
        """Whether a socket of this name is open."""
        return name in self._owned

    def endpoints(self) -> dict[str, str]:
        """``name -> address:port``."""
        return {name: owned.endpoint for name, owned in sorted(self._owned.items())}

    def fds(self) -> dict[str, int]:
        """``name -> descriptor`` of all."""
        return {name: owned.socket.fileno() for name, owned in self._owned.items()}

    async def leave(self, name: str) -> None:
        """Have whoever was given this socket be the only one to have it; its port stays remembered.

        When that one stops to listen, whoever comes is refused at once, and can go elsewhere. With
        a copy here they would wait in a queue that nobody takes from, and be cut off at its end.
        """
        owned = self._owned.pop(name, None)
        if owned is not None:
            owned.socket.close()
            await self.gone(name)

    def close(self) -> None:
        """Let all go; the ports stay remembered."""
        for owned in self._owned.values():
            owned.socket.close()
        self._owned.clear()

    def _bind_as_before(self, listen: Listen) -> Owned:
        before = self.remembered(listen.name)
        if listen.port == 0 and before is not None and before.address == listen.address:
            same = replace(listen, port=before.port)
            try:
                return bind(same)
            except PortTaken:
                pass  # Port 0 asked for any, so another one will do.
        return bind(listen)


async def _nobody_else(name: str) -> None:
    pass


def _fits(have: Listen, want: Listen) -> bool:
    return have.address == want.address and want.port in (0, have.port)


def _record(listen: Listen) -> dict[str, object]:
    told: dict[str, object] = {
        "name": listen.name,
        "address": listen.address,
        "port": listen.port,
        "backlog": listen.backlog,
    }
    # An agent of before knows no such thing, and would take the record for an unreadable one.
    return {**told, "gives_way": True} if listen.gives_way else told


def is_listening(fd: int) -> bool:
    """Whether the descriptor is a listening TCP socket."""
    try:
        with socket.socket(fileno=os.dup(fd)) as found:
            accepts = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            return bool(accepts) and found.family in (socket.AF_INET, socket.AF_INET6)
    except OSError:
        return False
