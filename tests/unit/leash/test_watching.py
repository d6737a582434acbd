"""What Patroni says counts while its rounds go on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.postgres import wait_for

from tenfold.leash import processes, watching
from tenfold.leash.config import Config
from tenfold.leash.deciding import Bounds, Standing
from tenfold.leash.processes import DataDirectory
from tenfold.leash.watching import Watch

ROUNDS = "import time\nwhile True: time.sleep(0.01)"
STUCK = """
import threading, time
def answers():
    while True: time.sleep(0.01)
threading.Thread(target=answers, daemon=True).start()
print("stuck", flush=True)
threading.Lock().acquire() and threading.Event().wait()
"""
KNOWN = Standing(until=100.0)


def watch(tmp_path: Path) -> Watch:
    config = Config(
        patroni=("/bin/false",),
        data=str(tmp_path),
        lock=str(tmp_path / "leash.lock"),
        member="db1",
        prefix="/tenfold/shop/",
        etcd=(),
        api="127.0.0.1:1",
        tls=None,
        bounds=Bounds(ttl_seconds=20, round_seconds=4),
        dynamic={},
    )
    return Watch(config, DataDirectory(config.data), adopts=False)


@contextmanager
def process(program: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as begun:
        assert begun.stdout is not None
        if program is STUCK:
            begun.stdout.readline()
        yield begun.pid
        begun.kill()


@pytest.mark.parametrize("says", [{"failsafe_mode_is_active": True}, {"pause": True}])
def test_an_agreement_counts_while_rounds_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: dict[str, Any]
) -> None:
    monkeypatch.setattr(watching, "_patroni", lambda config: says)
    monkeypatch.setattr(watching, "now", lambda: 110.0)
    found = watch(tmp_path)
    with process(ROUNDS) as found.patroni:
        for _ in range(2):
            before = processes.waits(found.patroni)
            wait_for(lambda b=before: processes.waits(found.patroni) != b, within=5, subject="")
            assert found._agreed(KNOWN).until == 123
    with process(STUCK) as found.patroni:
        found._agreed(KNOWN)
        settled = processes.waits(found.patroni)
        wait_for(lambda: processes.waits(found.patroni) == settled, within=5, subject="")
        found._agreed(KNOWN)
        assert found._agreed(KNOWN) == KNOWN
