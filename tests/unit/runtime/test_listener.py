from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator

import pytest

from tenfold.runtime.listener import Listener


class Greeter(asyncio.Protocol):
    """Greets, so that clients know who has accepted."""

    def __init__(self, name: bytes) -> None:
        self.name = name

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self.name)
        transport.close()


@pytest.fixture
def owned() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def listener(owned: socket.socket, name: bytes) -> Listener:
    """As another process would have it: a descriptor of its own of the same socket."""
    return Listener(os.dup(owned.fileno()), lambda: Greeter(name))


async def greeting(owned: socket.socket) -> bytes:
    reader, writer = await asyncio.open_connection(*owned.getsockname())
    text = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return text


async def test_nothing_is_accepted_before_the_start(owned: socket.socket) -> None:
    waiting = listener(owned, b"one")
    task = asyncio.create_task(greeting(owned))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.pending
    waiting.start()
    assert await task == b"one"
    waiting.stop()


async def test_the_socket_stays_open_for_others(owned: socket.socket) -> None:
    one, two = listener(owned, b"one"), listener(owned, b"two")
    one.start()
    assert await greeting(owned) == b"one"
    one.stop()
    waiting = asyncio.create_task(greeting(owned))
    await asyncio.sleep(0)
    two.start()
    assert await waiting == b"two"
    two.stop()


async def test_what_was_accepted_before_the_stop_is_served(owned: socket.socket) -> None:
    stopping = listener(owned, b"one")
    clients = [socket.create_connection(owned.getsockname()) for _ in range(5)]
    stopping.start()
    while len(stopping.pending) < 1:
        await asyncio.sleep(0)
    stopping.stop()
    accepted = len(stopping.pending)
    while stopping.pending:
        await asyncio.sleep(0)
    greeted = 0
    for client in clients:
        client.setblocking(False)
        try:
            greeted += client.recv(10) == b"one"
        except BlockingIOError:
            continue
        finally:
            client.close()
    assert greeted == accepted


async def test_connections_wait_while_it_is_paused_and_are_served_afterwards(
    owned: socket.socket,
) -> None:
    pausing = listener(owned, b"one")
    pausing.start()
    for _ in range(3):
        assert await greeting(owned) == b"one"
        pausing.pause()
        pausing.pause()
        waiting = [asyncio.create_task(greeting(owned)) for _ in range(5)]
        for _ in range(100):
            await asyncio.sleep(0)
        assert not pausing.pending
        assert not any(task.done() for task in waiting)
        pausing.start()
        assert await asyncio.gather(*waiting) == [b"one"] * 5
    pausing.stop()


async def test_what_was_accepted_before_the_pause_is_pending_until_it_is_served(
    owned: socket.socket,
) -> None:
    pausing = listener(owned, b"one")
    client = asyncio.create_task(greeting(owned))
    pausing.start()
    while not pausing.pending:
        await asyncio.sleep(0)
    pausing.pause()
    assert await client == b"one"
    assert not pausing.pending
    pausing.stop()


async def test_a_paused_listener_gives_others_what_waits(owned: socket.socket) -> None:
    one, two = listener(owned, b"one"), listener(owned, b"two")
    one.start()
    one.pause()
    waiting = asyncio.create_task(greeting(owned))
    one.stop()
    two.start()
    assert await waiting == b"two"
    two.stop()


async def test_it_may_be_stopped_before_it_was_started(owned: socket.socket) -> None:
    listener(owned, b"one").stop()
    assert owned.fileno() >= 0
