"""A deletion of everything that is cut off: the same command finishes it, and nothing is begun."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tenfold.cli.main import run
from tenfold.deployment import delete
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.journal import is_half_deleted
from tenfold.errors import JournalError, TargetError, TenfoldError
from tenfold.state.layout import Layout
from tenfold.targets.local import directory
from tenfold.targets.local.target import LocalTarget


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    """A deployment of two hosts with a database each, and user files; nothing runs."""
    monkeypatch.setattr(LocalTarget, "end", lambda *_: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tenfold.toml").write_text('name = "shop"\napp = "shop:app"\n')
    layout = Layout(tmp_path)
    Deployment.open(layout).journal.close()
    for name in ("app1", "vm1"):
        made = directory.create(layout.state, name, layout.name, os.geteuid(), os.getegid())
        cluster = made.root / "data" / "postgres" / "cluster"
        cluster.mkdir(parents=True)
        (cluster / "PG_VERSION").write_text("18\n")
    (layout.storage / "media").mkdir(parents=True)
    (layout.storage / "media" / "photo").write_text("somebody's")
    return layout


def cut_off(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a deletion when the journal is gone, before anything else is."""
    real = shutil.rmtree

    def killed(path: Path) -> None:
        if not layout.exists():
            raise KeyboardInterrupt
        real(path)

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            delete.delete_everything(Deployment.existing(layout))


def test_everything_is_deleted(layout: Layout) -> None:
    delete.delete_everything(Deployment.existing(layout))
    assert not layout.state.exists()


def test_what_was_cut_off_is_told_and_finished_by_the_same_command(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut_off(layout, monkeypatch)
    assert is_half_deleted(layout)
    for begin in (Deployment.open, Deployment.existing):
        with pytest.raises(JournalError, match="was cut off") as told:
            begin(layout)
        assert "tenfold down --delete-data" in str(told.value.next)
    for command in ("status", "down"):
        assert run([command]) == 1
        assert "was cut off" in capsys.readouterr().err
    assert (layout.storage / "media" / "photo").exists()
    assert run(["down", "--delete-data", "--yes"]) == 0
    assert "is deleted" in capsys.readouterr().out
    assert not layout.state.exists()
    assert run(["down", "--delete-data", "--yes"]) == 0
    assert "never brought up" in capsys.readouterr().out


def test_the_rest_is_known_as_such_until_nothing_else_is_left(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.rmtree

    def busy(path: Path) -> None:
        if path.name == "hosts":
            raise OSError(16, "Device or resource busy", str(path / ".removed" / "vm1"))
        real(path)

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", busy)
        with pytest.raises(TenfoldError, match="busy") as told:
            delete.delete_everything(Deployment.existing(layout))
    assert told.value.next == f"mend that, then  rm -r {layout.state}"
    assert not layout.storage.exists()
    assert is_half_deleted(layout)
    delete.finish(layout)
    assert not layout.state.exists()


def test_with_one_host_that_cannot_be_set_aside_the_deployment_is_still_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = directory.set_aside

    def full(host: directory.HostDirectory, state: Path) -> None:
        if host.name == "vm1":
            raise TargetError("no")
        real(host, state)

    with monkeypatch.context() as patched:
        patched.setattr(directory, "set_aside", full)
        with pytest.raises(TargetError):
            delete.delete_everything(Deployment.existing(layout))
    assert layout.exists()
    delete.delete_everything(Deployment.existing(layout))
    assert not layout.state.exists()


@pytest.mark.parametrize("command", ["status", "down"])
def test_beside_a_database_without_its_journal_nobody_says_never_brought_up(
    layout: Layout, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for journal in layout.state.glob("journal.db*"):
        journal.unlink()
    assert run([command]) == 1
    told = capsys.readouterr()
    assert "is gone" in told.err
    assert "never brought up" not in told.out


def test_a_link_that_a_repository_brings_is_no_rest_of_a_deletion(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    precious = tmp_path / "precious"
    precious.mkdir()
    (layout.state / "hosts").mkdir(parents=True)
    (layout.state / "hosts" / directory.ASIDE).symlink_to(precious)
    assert not is_half_deleted(layout)
    delete.finish(layout)
    assert precious.is_dir()
    assert (layout.state / "hosts").is_dir()
