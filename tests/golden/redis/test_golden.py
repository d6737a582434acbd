"""Rendered files, word for word, each also accepted by every server here; how those behave is for
``tests/contract/test_redis.py``.

A case is a folder: ``case.toml`` says in one line what it is about; beside it lies what comes of
it. After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/redis``, then read the
difference.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest
from tests.support.redis import PASSWORD, scene, servers

from tenfold.engines.redis import Found, Redis
from tenfold.topology.process import Launch
from tenfold.topology.settings import RedisSettings

HERE = Path(__file__).parent
READY = "eady to accept connections"
CASES = sorted(path.parent.name for path in HERE.glob("*/case.toml"))


def rendered(name: str) -> dict[str, str]:
    given = tomllib.loads((HERE / name / "case.toml").read_text())
    settings = RedisSettings(**given.get("settings", {}))
    unit, seen = scene(settings, endpoint=given.get("address", "127.0.0.2:6379"))
    files = Redis().render(unit, seen)
    assert {f.mode for f in files} == {0o600}
    texts = {Path(f.path).name: str(f.text) for f in files}
    return {**texts, "launch": launch_text(Redis().launch(unit, seen))}


def launch_text(launch: Launch) -> str:
    lines = [f"prepare {' '.join(command.argv)}" for command in launch.prepare]
    lines += [f"run     {' '.join(launch.argv)}", f"in      {launch.cwd}"]
    lines += [f"with    {name}={value}" for name, value in launch.env.items()]
    ready = launch.ready
    lines.append(f"ready   {ready.say!r} at {ready.address} gives {ready.expect}")
    lines.append(f"stop    {launch.stop.signal}, {launch.stop.within_seconds:g} s")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_it_is_rendered_as_it_was(name: str) -> None:
    found, folder = rendered(name), HERE / name
    if os.environ.get("TENFOLD_GOLDEN") == "write":
        for file_name, text in found.items():
            (folder / file_name).write_text(text)
    kept = {p.name: p.read_text() for p in folder.iterdir() if p.name != "case.toml"}
    assert found == kept


@pytest.mark.engine
@pytest.mark.parametrize("server", servers(), ids=str)
@pytest.mark.parametrize("name", CASES)
def test_a_server_accepts_it(name: str, server: Found) -> None:
    """It ends at once over a line that it does not know, over a wrong value, or a wrong user. No
    port is opened."""
    folder = Path(tempfile.mkdtemp(prefix="tenfold-golden-"))
    try:
        for part in ("config", "data"):
            (folder / part / "redis").mkdir(parents=True)
        for file in ("redis.conf", "users.acl"):
            text = (HERE / name / file).read_text().replace("/srv/shop", str(folder))
            (folder / "config/redis" / file).write_text(text)
        conf = str(folder / "config/redis/redis.conf")
        with subprocess.Popen(
            [server.path, conf, "--port", "0", "--unixsocket", str(folder / "socket")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if READY in line:
                    break
            process.terminate()
            said += process.stdout.read()
        assert READY in said, said
        assert process.returncode == 0, said
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", CASES)
def test_the_password_is_in_no_file_and_no_argument(name: str) -> None:
    assert not [file for file, text in rendered(name).items() if PASSWORD in text]


def test_another_configuration_is_another_launch_because_nothing_is_reread() -> None:
    before = Redis().launch(*scene(RedisSettings()))
    after = Redis().launch(*scene(RedisSettings(max_memory_bytes=50_000_000)))
    assert before != after
