"""Rendered files, word for word; that servers accept them is for ``tests/contract/test_redis.py``.

A case is a folder: ``case.toml`` says in one line what it is about; beside it lies what comes of
it. After a change on purpose: ``TENFOLD_GOLDEN=write pytest tests/golden/redis``, then read the
difference.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from tests.support.redis import PASSWORD, scene

from tenfold.engines.redis import Redis
from tenfold.topology.process import Launch
from tenfold.topology.settings import RedisSettings

HERE = Path(__file__).parent
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


@pytest.mark.parametrize("name", CASES)
def test_the_password_is_in_no_file_and_no_argument(name: str) -> None:
    assert not [file for file, text in rendered(name).items() if PASSWORD in text]


def test_another_configuration_is_another_launch_because_nothing_is_reread() -> None:
    before = Redis().launch(*scene(RedisSettings()))
    after = Redis().launch(*scene(RedisSettings(max_memory_bytes=50_000_000)))
    assert before != after
