"""What is particular to WSGI apps under gunicorn."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from pathlib import Path

import psutil
import pytest
from tests.contract.app_servers.conftest import Connect, Start
from tests.contract.app_servers.test_serving import counted
from tests.support.app_process import APPS, GTHREAD, SYNC, AppProcess, Kind
from tests.support.keepalive import Answer

from tenfold.wiring import control

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
both = pytest.mark.parametrize("kind", [SYNC, GTHREAD], ids=lambda kind: kind.name)


async def get(connect: Connect, path: str = "/") -> Answer:
    """One request on a connection of its own."""
    connection = await connect()
    await connection.send("GET", path)
    try:
        return await asyncio.wait_for(connection.receive(), 30)
    finally:
        connection.close()


def workers(process: AppProcess) -> list[int]:
    """The pids of the workers."""
    return [child.pid for child in psutil.Process(process.process.pid).children()]


async def until_workers(process: AppProcess, without: int, count: int = 2) -> None:
    """Wait until there are this many workers, none of them the one that died."""
    async with asyncio.timeout(60):
        while True:
            pids = workers(process)
            if without not in pids and len(pids) == count:
                return
            await asyncio.sleep(0.02)


@both
async def test_a_killed_worker_is_replaced_and_accepts_at_once(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    victim = workers(process)[0]
    os.kill(victim, signal.SIGKILL)
    await until_workers(process, victim)
    others = set(workers(process))
    answered: set[int] = set()
    async with asyncio.timeout(60):
        while answered != others:
            answered.add(json.loads((await get(connect)).body)["pid"])
    assert process.order(control.STATUS)["state"] == "accepting"


@both
async def test_a_worker_killed_while_warm_is_replaced(kind: Kind, start: Start) -> None:
    process = start(kind).warm()
    victim = workers(process)[0]
    os.kill(victim, signal.SIGKILL)
    await until_workers(process, victim)
    process.until(control.WARM)
    assert process.order(control.PROBE, path="/", host="localhost")["status"] == 200


@both
async def test_no_worker_outlives_a_killed_master(kind: Kind, start: Start) -> None:
    process = start(kind).accept()
    children = [psutil.Process(pid) for pid in workers(process)]
    os.kill(process.process.pid, signal.SIGKILL)
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 15)
    assert alive == []


@both
async def test_sigterm_to_one_worker_loses_nothing_and_it_is_replaced(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    pid = json.loads((await get(connect)).body)["pid"]
    os.kill(pid, signal.SIGTERM)
    await until_workers(process, pid)
    assert (await get(connect)).status == 200


async def test_a_sync_worker_calls_the_app_in_its_main_thread_only(
    start: Start, connect: Connect
) -> None:
    process = start(SYNC).warm()
    probed = json.loads(process.order(control.PROBE, path="/", host="localhost")["body"])
    process.order(control.ACCEPT)
    again = json.loads(process.order(control.PROBE, path="/", host="localhost")["body"])
    assert (probed["thread"], again["thread"]) == (True, True)


@both
async def test_a_file_is_sent_whole_and_counted(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    answer = await get(connect, "/file")
    assert answer.body == (APPS / "wsgi_app.py").read_bytes()
    assert await counted(process, 1) == {"unmatched": {"2xx": 1}}
    assert process.order(control.STATUS)["active"] == 0


@both
async def test_metrics_are_summed_over_workers(kind: Kind, start: Start, connect: Connect) -> None:
    process = start(kind).accept()
    pids = set()
    asked = 0
    async with asyncio.timeout(60):
        while len(pids) < 2:
            answers = await asyncio.gather(*(get(connect) for _ in range(8)))
            asked += len(answers)
            pids |= {json.loads(a.body)["pid"] for a in answers}
    assert await counted(process, asked) == {"unmatched": {"2xx": asked}}
    (route,) = process.order(control.METRICS)["routes"]
    assert sum(route["buckets"].values()) == asked


async def test_gunicorn_conf_is_read(start: Start, connect: Connect, tmp_path: Path) -> None:
    shutil.copy(APPS / "wsgi_app.py", tmp_path)
    (tmp_path / "gunicorn.conf.py").write_text(
        "bind = '0.0.0.0:80'\nworkers = 9\nthreads = 3\nkeepalive = 2\n"
        "def post_fork(server, worker):\n    print('hook: forked', flush=True)\n"
    )
    process = start(SYNC, cwd=tmp_path).accept()
    assert len(workers(process)) == 2
    assert json.loads((await get(connect)).body)["thread"] is False
    assert "gunicorn.conf.py sets bind; Tenfold decides it instead" in process.text()
    assert "gunicorn.conf.py sets workers; Tenfold decides it instead" in process.text()
    assert "gunicorn.conf.py sets keepalive; Tenfold decides it instead" in process.text()
    assert process.text().count("hook: forked") == 2


async def test_gunicorn_conf_says_where_the_modules_are(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    (tmp_path / "source").mkdir()
    shutil.copy(APPS / "wsgi_app.py", tmp_path / "source")
    (tmp_path / "gunicorn.conf.py").write_text("pythonpath = 'source'\n")
    start(SYNC, cwd=tmp_path).accept()
    assert (await get(connect)).status == 200


async def test_an_app_may_be_preloaded(start: Start, connect: Connect, tmp_path: Path) -> None:
    shutil.copy(APPS / "wsgi_app.py", tmp_path)
    (tmp_path / "gunicorn.conf.py").write_text("preload_app = True\n")
    start(SYNC, cwd=tmp_path).accept()
    assert (await get(connect)).headers["tenfold-release"] == "r1"


@both
def test_nothing_but_the_inherited_socket_listens(
    kind: Kind, start: Start, connect: Connect
) -> None:
    process = start(kind).accept()
    family = [psutil.Process(process.process.pid)]
    family += family[0].children(recursive=True)
    listening = {c.laddr for p in family for c in p.net_connections() if c.status == "LISTEN"}
    assert len(listening) == 1
    unix = {Path(c.laddr).name for p in family for c in p.net_connections("unix") if c.laddr}
    assert unix == {f"{Path(process.path).name}~"}
