from __future__ import annotations

import socket
import threading

import pytest

from tenfold.metrics.redis import ask, fields
from tenfold.secret import Secret

INFO = """# Memory\r
used_memory:1048576\r
used_memory_human:1.00M\r
maxmemory:100\r
rdb_last_bgsave_status:err\r
aof_last_write_status:ok\r
# Keyspace\r
db0:keys=3,expires=1,avg_ttl=0\r
db1:keys=4,expires=0,avg_ttl=0\r
"""


def test_the_figures_that_are_kept() -> None:
    found = fields(INFO)
    assert (found["used_memory"], found["keys"]) == (1048576.0, 7.0)
    assert (found["rdb_last_bgsave_status"], found["aof_last_write_status"]) == (0.0, 1.0)
    assert "used_memory_human" not in found


@pytest.mark.parametrize(
    "answer", [b"", b"-WRONGPASS\r\n", b"+OK\r\n$-1\r\n", b"+OK\r\n$9999999\r\n"]
)
def test_what_does_not_answer_as_such_a_server_is_down(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        found = ask("vm1", "127.0.0.1", listener.getsockname()[1], Secret("x"))
        thread.join()
    assert not found.up
