"""The process: signals, sudden death, two at once, reloads; no client may notice."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from tests.support.posts import Posts

pytestmark = pytest.mark.engine


async def exited(process) -> int:
    """The exit code, awaited."""
    async with asyncio.timeout(30):
        while (code := process.poll()) is None:
            await asyncio.sleep(0.01)
    return code


async def test_it_listens_on_the_agents_socket_alone_and_leaves_its_backlog(edge):
    row = next(
        line.split()
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if f":{edge.settings.port:04X} 00000000:0000 0A" in line
    )
    inode = row[9]
    for pid in (edge.processes[-1].pid, *edge.children()):
        links = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        assert f"socket:[{inode}]" in links
    # Of a listening socket, tcpi_sacked is the length that its queue may have (net/ipv4/tcp.c).
    info = edge.listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    assert int.from_bytes(info[28:32], sys.byteorder) == 1024


async def test_killed_and_started_again_it_refuses_no_connection(edge):
    async with Posts(edge.settings.port, keep=False) as posts:
        for _ in range(5):
            await posts.more()
            edge.kill_group()
            edge.start()
        await posts.more()
    assert posts.outcome.refused == 0
    assert (
        len(posts.outcome.failed) <= 5 * posts.clients
    )  # only what was in flight: at most one per client and kill


async def test_a_successor_beside_it_takes_over_without_a_failed_request(edge):
    async with Posts(edge.settings.port) as posts:
        await posts.more()
        edge.start()
        old, new = edge.processes
        async with asyncio.timeout(20):
            while len(edge.children()) < 2:
                await asyncio.sleep(0.01)
        old.send_signal(signal.SIGQUIT)
        await posts.more(100)
        assert await exited(old) == 0
        await posts.more()
    assert (posts.outcome.refused, new.poll()) == (0, None)
    if edge.found.build.spares_idle_clients:
        assert posts.outcome.failed == []


async def test_forty_reloads_fail_no_request_of_keep_alive_clients(edge):
    if not edge.found.build.spares_idle_clients:
        pytest.skip("this nginx closes idle connections at a reload, whatever comes on them")
    async with Posts(edge.settings.port) as posts:
        for _ in range(40):
            await posts.more(10)
            before = edge.children()
            edge.signal("SIGHUP")
            async with asyncio.timeout(20):
                while set(edge.children()) <= set(before):
                    await asyncio.sleep(0.005)
        await posts.more()
    assert (posts.outcome.failed, posts.outcome.refused) == ([], 0)


async def test_a_reload_with_a_broken_file_changes_nothing(edge, client):
    Path(edge.scene().place.config, "nginx.conf").write_text("nonsense")
    edge.signal("SIGHUP")
    async with asyncio.timeout(20):
        while not any("[emerg]" in line for line in edge.complaints()):
            await asyncio.sleep(0.01)
    async with client.get("/") as answer:
        assert answer.status == 200


@pytest.mark.parametrize("name", ["SIGQUIT", "SIGTERM"])
async def test_the_socket_outlives_it(edge, name):
    edge.signal(name)
    assert await exited(edge.processes[-1]) == 0
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.settings.port)
    writer.write(b"GET /later HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    edge.start()
    async with asyncio.timeout(20):
        assert b" 200 " in await reader.readline()
    writer.close()


async def test_the_stop_signal_lets_a_request_finish(edge, app):
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.settings.port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(20):
        while not app.seen:
            await asyncio.sleep(0.01)
    edge.signal(edge.launch().stop.signal)
    app.gate.set()
    async with asyncio.timeout(20):
        assert b" 200 " in await reader.readline()
    writer.close()
    assert await exited(edge.processes[-1]) == 0


async def test_requests_wait_while_the_app_does_not_accept(idle_edge, place):
    """The hold: the app's socket listens, nobody accepts; then somebody does."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        idle_edge.app_port = listener.getsockname()[1]
        idle_edge.start()
        await idle_edge.ready()
        async with Posts(idle_edge.settings.port, clients=40) as posts:
            await asyncio.sleep(3)  # the time itself is the subject
            assert (posts.outcome.answered, posts.outcome.failed) == (0, [])
            loop = asyncio.get_running_loop()
            server = await loop.create_server(AnswerPosts, sock=listener)
            await posts.more(200)
        idle_edge.kill_group()
        server.close()
        for transport in AnswerPosts.open:
            transport.abort()
        async with asyncio.timeout(20):
            while AnswerPosts.open:
                await asyncio.sleep(0.01)
    assert (posts.outcome.failed, posts.outcome.refused) == ([], 0)


class AnswerPosts(asyncio.Protocol):
    """The least that answers what ``Posts`` send."""

    open: ClassVar[set[asyncio.Transport]] = set()

    def connection_made(self, transport):
        self.transport, self.waiting = transport, b""
        self.open.add(transport)

    def data_received(self, data):
        self.waiting += data
        *whole, self.waiting = self.waiting.split(b"\r\n\r\nbody")
        for _ in whole:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def connection_lost(self, _):
        self.open.discard(self.transport)


async def test_a_hold_beyond_patience_ends_in_a_calm_504(idle_edge):
    idle_edge.settings = replace(idle_edge.settings, hold_seconds=0.3, request_seconds=0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        idle_edge.app_port = listener.getsockname()[1]
        idle_edge.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", idle_edge.settings.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
    assert b" 504 " in answer.split(b"\r\n")[0]
    assert b"No answer in time" in answer
    assert b"Retry-After" not in answer
