from __future__ import annotations

from pathlib import Path

import pytest

from tenfold.engines.postgresql.binaries import PROGRAMS, Binaries, every, find
from tenfold.errors import TenfoldError


def install(bin_dir: Path, says: str, *, exit_code: int = 0) -> Path:
    """Programs that name a version and do nothing else."""
    bin_dir.mkdir(parents=True)
    for name in PROGRAMS:
        program = bin_dir / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {says}'\nexit {exit_code}\n")
        program.chmod(0o755)
    return bin_dir


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "path"
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    return path


def test_the_wheel_is_preferred_and_runs_here() -> None:
    found = find()
    assert found.source == "wheel"
    assert found.version.startswith(f"{found.major}.")
    assert all(Path(program).exists() for program in found.programs().values())


def test_the_host_is_preferred_when_asked_for(empty_path: Path, tmp_path: Path) -> None:
    install(empty_path, "17.3 (Example 17.3-1)")
    found = next(every(prefer_path=True, debian=tmp_path / "none"))
    assert found == Binaries(empty_path, "17.3", "path")


def test_debians_newest_version_comes_first(empty_path: Path, tmp_path: Path) -> None:
    for major in ("9", "15", "16"):
        install(tmp_path / "debian" / major / "bin", f"{major}.4")
    found = [b for b in every(prefer_path=True, debian=tmp_path / "debian") if b.source == "path"]
    assert [b.major for b in found] == [16, 15, 9]


def test_builds_for_another_machine_and_halves_do_not_count(
    empty_path: Path, tmp_path: Path
) -> None:
    install(tmp_path / "debian" / "17" / "bin", "17.0", exit_code=127)
    (install(tmp_path / "debian" / "16" / "bin", "16.0") / "initdb").unlink()
    found = [b for b in every(debian=tmp_path / "debian") if b.source == "path"]
    assert found == []


@pytest.mark.parametrize(
    ("says", "major"), [("18.6", 18), ("19beta2", 19), ("15.18 (Debian 15.18-0+deb12u1)", 15)]
)
def test_versions(empty_path: Path, tmp_path: Path, says: str, major: int) -> None:
    install(empty_path, says)
    assert next(every(prefer_path=True, debian=tmp_path)).major == major


def test_a_version_that_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(TenfoldError, match="PostgreSQL 99 is not on this machine") as missing:
        find(major=99)
    assert missing.value.next is not None
    assert "found: 18." in (missing.value.detail or "")


def test_psql_of_the_host_is_taken_unless_it_is_older(empty_path: Path, tmp_path: Path) -> None:
    install(empty_path, "17.3")
    ours = install(tmp_path / "ours", "16.1")
    assert Binaries(ours, "16.1", "wheel").psql() == str(empty_path / "psql")
    assert Binaries(ours, "18.1", "wheel").psql() == str(ours / "psql")
