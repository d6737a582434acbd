from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tenfold.errors import TargetError
from tenfold.targets.local import directory
from tenfold.targets.local.target import LocalTarget

UID, GID = os.geteuid(), os.getegid()


def create(state: Path, name: str = "vm1") -> directory.HostDirectory:
    return directory.create(state, name, "shop", UID, GID)


def test_a_host_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = create(tmp_path)
    assert create(tmp_path) == made == directory.read(tmp_path, "vm1")
    assert (made.root / "agent").stat().st_mode & 0o777 == 0o700
    assert made.run.stat().st_mode & 0o777 == 0o700


def test_unix_sockets_get_a_short_place_wherever_the_project_lies(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    made = create(deep)
    assert len(os.fsencode(made.run)) + directory.ROOM_FOR_NAMES <= directory.LONGEST_SOCKET_PATH
    assert made.run.parent == Path("/tmp")
    directory.set_aside(made, deep)
    directory.delete_aside(deep)
    assert not made.run.exists()
    assert not made.root.exists()


def refused(place: Path) -> str:
    with pytest.raises(TargetError) as fault:
        directory.make_private(place, UID, GID)
    return fault.value.what


def test_a_place_for_sockets_that_others_could_have_prepared_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o700)
    link = tmp_path / "link"
    link.symlink_to(target)
    assert "it is not a directory" in refused(link)
    open_ = tmp_path / "open"
    open_.mkdir()
    open_.chmod(0o777)
    assert "others may enter it (mode 777)" in refused(open_)
    directory.make_private(target, UID, GID)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_place_for_sockets_of_another_user_is_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir(mode=0o700)
    os.chown(foreign, 65534, 65534)
    assert "it belongs to the user with id 65534" in refused(foreign)


def test_an_unreadable_host_file_is_set_aside_and_the_host_is_the_same_again(
    tmp_path: Path,
) -> None:
    made = create(tmp_path)
    (made.root / "host.json").write_text("{")
    with pytest.raises(TargetError, match=r"host\.json is unreadable") as fault:
        directory.read(tmp_path, "vm1")
    assert fault.value.changed == "it was moved to host.json.unreadable"
    assert (made.root / "host.json.unreadable").read_text() == "{"
    assert create(tmp_path) == made


def test_a_host_that_was_moved_keeps_its_address_and_a_copy_gets_another(tmp_path: Path) -> None:
    before, after, copied = (tmp_path / name for name in ("before", "after", "copied"))
    before.mkdir()
    made = create(before)
    shutil.copytree(before, copied, ignore=shutil.ignore_patterns("run"))
    assert create(copied).address != made.address
    before.rename(after)
    moved = create(after)
    assert (moved.address, moved.root) == (made.address, after / "hosts" / "vm1")


def test_an_address_that_others_reach_is_taken_from_no_file(tmp_path: Path) -> None:
    root = tmp_path / "hosts" / "vm1"
    root.mkdir(parents=True)
    told = {"root": "/gone", "address": "0.0.0.0"}
    (root / "host.json").write_text(json.dumps(told))
    assert create(tmp_path).address.startswith("127.")


@pytest.mark.parametrize("name", ["..", "a/b", "", "-a", ".a", "a" * 64])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(TargetError, match="cannot be the name of a host"):
        create(tmp_path, name)


def test_deleting_a_host_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "data").write_text("kept")
    made = create(tmp_path / "state")
    (made.root / "link").symlink_to(precious)
    (made.root / "logs" / "link").symlink_to(precious / "data")
    directory.set_aside(made, tmp_path / "state")
    directory.delete_aside(tmp_path / "state")
    assert (precious / "data").read_text() == "kept"
    assert not made.root.exists()


def test_a_host_directory_that_is_a_link_is_not_deleted(tmp_path: Path) -> None:
    made = create(tmp_path / "state")
    elsewhere = tmp_path / "elsewhere"
    made.root.rename(elsewhere)
    made.root.symlink_to(elsewhere)
    with pytest.raises(TargetError, match="not deleted"):
        directory.set_aside(made, tmp_path / "state")
    assert elsewhere.is_dir()


def test_behind_a_link_no_host_is_made(tmp_path: Path) -> None:
    precious, hosts = tmp_path / "precious", tmp_path / "state" / "hosts"
    precious.mkdir()
    hosts.mkdir(parents=True)
    (hosts / "vm1").symlink_to(precious)
    with pytest.raises(TargetError, match="vm1 is a link"):
        create(tmp_path / "state")
    assert list(precious.iterdir()) == []


def test_a_disk_that_gives_nothing_is_named(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("in the way")
    with pytest.raises(TargetError, match="cannot read"):
        create(tmp_path)


def half(folder: Path, gone: str) -> None:
    """As ``rm`` leaves it when it is cut off behind this file."""
    (folder / gone).unlink()


@pytest.mark.parametrize("gone", [None, "host.json", "agent.lock"])
def test_a_host_whose_deletion_was_cut_off_is_none_and_nothing_of_it_stays(
    tmp_path: Path, gone: str | None
) -> None:
    made = create(tmp_path)
    (made.root / "agent.lock").touch()
    (made.root / "data" / "much").write_text("gigabytes")
    target = LocalTarget(tmp_path, "shop")
    directory.set_aside(made, tmp_path)
    (left,) = (tmp_path / "hosts" / directory.ASIDE).iterdir()
    assert (left / "data" / "much").exists(), "only renamed so far"
    if gone:
        half(left, gone)
    assert target.hosts() == ()
    assert directory.read(tmp_path, "vm1") is None
    assert not made.run.exists()
    target.delete_aside()
    assert list((tmp_path / "hosts").iterdir()) == []
    target.delete_aside()


def test_a_host_that_is_made_anew_has_nothing_of_the_one_that_was_half_deleted(
    tmp_path: Path,
) -> None:
    made = create(tmp_path)
    (made.root / "data" / "much").write_text("gigabytes")
    directory.set_aside(made, tmp_path)
    again = create(tmp_path)
    assert list((again.root / "data").iterdir()) == []
    assert list((tmp_path / "hosts" / directory.ASIDE).iterdir()) == []
    (again.root / "data" / "much").write_text("gigabytes")
    directory.set_aside(again, tmp_path)
    directory.set_aside(create(tmp_path), tmp_path)
    directory.delete_aside(tmp_path)
    assert list((tmp_path / "hosts").iterdir()) == []


def test_where_hosts_are_set_aside_no_link_is_followed(tmp_path: Path) -> None:
    precious, state = tmp_path / "precious", tmp_path / "state"
    (precious / "vm1").mkdir(parents=True)
    (precious / "vm1" / "data").write_text("kept")
    made = create(state)
    aside = state / "hosts" / directory.ASIDE
    aside.symlink_to(precious)

    def refused(deed: Callable[[], object]) -> None:
        with pytest.raises(TargetError, match=r"\.removed is a link") as fault:
            deed()
        assert str(fault.value.next).endswith(f"rm {aside}")
        assert (precious / "vm1" / "data").read_text() == "kept"
        assert made.root.is_dir()

    refused(lambda: directory.delete_aside(state))
    refused(lambda: directory.set_aside(made, state))
    (made.root / "host.json").unlink()
    refused(lambda: create(state))
    aside.unlink()
    assert create(state) == made


def test_what_lies_where_hosts_are_set_aside_and_cannot_be_deleted_is_named(
    tmp_path: Path,
) -> None:
    made = create(tmp_path)
    aside = tmp_path / "hosts" / directory.ASIDE
    aside.write_text("in the way")
    with pytest.raises(TargetError, match=r"\.removed/vm1 cannot be deleted: Not a directory"):
        directory.set_aside(made, tmp_path)
    with pytest.raises(TargetError, match=r"\.removed cannot be deleted: Not a directory"):
        directory.delete_aside(tmp_path)
    aside.unlink()
    directory.set_aside(made, tmp_path)
    link = aside / "db1"
    link.symlink_to(tmp_path)
    with pytest.raises(TargetError, match=r"db1 cannot be deleted: .*symbolic link") as fault:
        directory.delete_aside(tmp_path)
    assert fault.value.next == f"mend that, then  rm -r {link}"
