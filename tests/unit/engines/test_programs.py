"""What programs say of their versions."""

from __future__ import annotations

import pytest

from tenfold.engines.programs import of_process, version_of
from tenfold.topology.process import Command


def saying(code: int, text: str) -> object:
    def run(command: Command) -> tuple[int, str]:
        assert len(command.argv) == 2
        return code, text

    return run


@pytest.mark.parametrize(
    ("engine", "said", "version"),
    [
        ("postgresql", "postgres (PostgreSQL) 18.6", "18.6"),
        ("postgresql", "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("nginx", "nginx version: nginx/1.31.3", "1.31.3"),
        ("redis", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "7.0.15"),
        ("redis", "Valkey server v=8.1.1 sha=00000000:0", "8.1.1"),
        ("nginx", "error while loading shared libraries", None),
    ],
)
def test_versions(engine: str, said: str, version: str | None) -> None:
    assert version_of(engine, "/p", saying(0, said)) == version  # type: ignore[arg-type]


def test_a_program_that_fails_has_none_and_one_without_words_is_not_asked() -> None:
    assert version_of("nginx", "/p", saying(1, "nginx/1.2.3")) is None  # type: ignore[arg-type]
    assert version_of("uvicorn", "/p", None) is None  # type: ignore[arg-type]


def test_of_a_process() -> None:
    assert of_process(7) == "/proc/7/exe"
