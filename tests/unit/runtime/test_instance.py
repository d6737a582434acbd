from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tenfold.runtime import instance
from tenfold.runtime.instance import free_port, is_free, placed


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--port={port}", "--port=8123"),
        ("$PORT", "8123"),
        ("${HOST}:$PORT", "127.0.0.1:8123"),
        ("{host}", "127.0.0.1"),
        ("$PORTS", "$PORTS"),
        ("{ports}", "{ports}"),
        ("$$PORT", "$8123"),
        ("$HOME", "$HOME"),
    ],
)
def test_host_and_port_have_their_places(word: str, said: str) -> None:
    assert placed(word, 8123) == said


def test_a_port_is_free_and_none_that_clients_get() -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for _ in range(20):
        port = free_port()
        assert is_free(port)
        assert not first <= port <= last


def test_a_port_at_which_somebody_listens_is_not_free() -> None:
    with socket.create_server((instance.HOST, 0)) as taken:
        assert not is_free(taken.getsockname()[1])
