from __future__ import annotations

import os
from pathlib import Path

import pytest

from tenfold.engines.postgresql.binaries import PROGRAMS, Binaries, every, find
from tenfold.errors import Refused, TenfoldError


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


def on_host(debian: Path) -> list[Binaries]:
    return [b for b in every(debian=debian) if b.source == "path"]


def test_the_host_is_used_when_asked_for(empty_path: Path) -> None:
    install(empty_path, "17.3 (Example 17.3-1)")
    assert find(prefer_path=True) == Binaries(empty_path, "17.3", "path")


def test_a_directory_may_be_named(empty_path: Path, tmp_path: Path) -> None:
    install(empty_path, "17.3")
    named = install(tmp_path / "named", "16.2")
    assert find(directory=str(named)) == Binaries(named, "16.2", "path")


def test_a_named_directory_without_postgresql_is_not_replaced_by_another(tmp_path: Path) -> None:
    with pytest.raises(TenfoldError, match="15 or newer is not in /"):
        find(directory=str(tmp_path))


def test_the_host_asked_for_is_not_replaced_by_the_wheel(empty_path: Path) -> None:
    with pytest.raises(TenfoldError, match="PostgreSQL 99 is not on the host"):
        find(prefer_path=True, major=99)


def test_debians_newest_version_comes_first(empty_path: Path, tmp_path: Path) -> None:
    for major in ("9", "15", "16"):
        install(tmp_path / major / "bin", f"{major}.4")
    assert [b.major for b in on_host(tmp_path)] == [16, 15, 9]


def test_an_installation_that_is_on_path_too_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_dir = install(tmp_path / "16" / "bin", "16.4")
    monkeypatch.setenv("PATH", f"{bin_dir}:/usr/bin:/bin")
    assert on_host(tmp_path) == [Binaries(bin_dir, "16.4", "path")]


def test_builds_for_another_machine_and_halves_do_not_count(
    empty_path: Path, tmp_path: Path
) -> None:
    install(tmp_path / "17" / "bin", "17.0", exit_code=127)
    (install(tmp_path / "16" / "bin", "16.0") / "initdb").unlink()
    assert on_host(tmp_path) == []


@pytest.mark.parametrize(
    ("says", "major"), [("18.6", 18), ("19beta2", 19), ("15.18 (Debian 15.18-0+deb12u1)", 15)]
)
def test_versions(empty_path: Path, tmp_path: Path, says: str, major: int) -> None:
    install(empty_path, says)
    assert on_host(tmp_path / "none")[0].major == major


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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is careful")
class TestRootRunsOnlyItsOwn:
    @pytest.fixture
    def marker(self, tmp_path: Path) -> Path:
        return tmp_path / "ran"

    @pytest.fixture
    def theirs(self, tmp_path: Path, marker: Path) -> Path:
        """Programs that somebody else put there; each leaves a trace when it runs."""
        bin_dir = install(tmp_path / "theirs", "17.3")
        for name in PROGRAMS:
            program = bin_dir / name
            program.write_text(program.read_text() + f"touch {marker}\n")
            program.write_text(program.read_text().replace("exit 0", ""))
            os.chown(program, 65534, 65534)
        return bin_dir

    def test_a_named_directory(self, theirs: Path, marker: Path) -> None:
        with pytest.raises(Refused, match="postgres does not belong to root") as caught:
            find(directory=str(theirs))
        assert 'postgres = "wheel"' in (caught.value.next or "")
        assert not marker.exists()

    def test_a_named_directory_that_everybody_may_write(self, tmp_path: Path) -> None:
        bin_dir = install(tmp_path / "open", "17.3")
        bin_dir.chmod(0o777)
        with pytest.raises(Refused, match="can be written by everybody"):
            find(directory=str(bin_dir))

    def test_path(self, theirs: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", f"{theirs}:/usr/bin:/bin")
        with pytest.raises(TenfoldError, match="99 is not on the host") as caught:
            find(prefer_path=True, major=99)
        assert f"not for root: {theirs}/postgres" in (caught.value.detail or "")
        assert Binaries(Path("/ours"), "15.1", "wheel").psql() == "/ours/psql"
        assert not marker.exists()
