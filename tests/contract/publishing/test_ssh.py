"""A directory over a real sshd: keys, full disks, and who else writes there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.support.ports import free_port
from tests.support.publishing import SITE, OverSsh, Quiet, World

from tenfold.errors import PublishError, Refused

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]


@pytest.fixture
def world(make: Callable[[str], World]) -> World:
    return make("ssh")


def there(world: World) -> OverSsh:
    assert isinstance(world.there, OverSsh)
    return world.there


def test_what_stays_is_linked_and_not_copied(world: World) -> None:
    world.publish()
    before = (there(world).folder / "current" / "style.css").stat()
    world.fill({"index.html": b"new"})
    world.publish()
    after = (there(world).folder / "current" / "style.css").stat()
    assert (before.st_ino, before.st_dev) == (after.st_ino, after.st_dev)
    assert (after.st_mode & 0o777, before.st_nlink) == (0o644, 1)


def test_as_many_earlier_ones_stay_as_were_asked_for(world: World) -> None:
    world.say(table=f"{there(world).table}\nkeep = 2")
    for number in range(5):
        world.fill({"index.html": str(number).encode()})
        world.publish()
    assert len(world.kept()) == 2
    assert len(list((there(world).folder / "releases").iterdir())) == 3
    assert len(list((there(world).folder / ".tenfold/publications").iterdir())) == 3


@pytest.fixture
def known_hosts(world: World) -> Iterator[Path]:
    file = there(world).server.known_hosts
    yield file
    there(world).server.trust("host")


def test_another_host_s_key(world: World, known_hosts: Path) -> None:
    there(world).server.trust("other")
    with pytest.raises(PublishError, match="the host's key is not the one in known_hosts"):
        world.publish()
    assert not there(world).folder.exists()


def test_a_host_that_is_not_known_is_not_believed(world: World, known_hosts: Path) -> None:
    known_hosts.write_text("")
    with pytest.raises(PublishError, match="or it is not in there"):
        world.publish()
    assert known_hosts.read_text() == "", "nothing was added"
    assert not there(world).folder.exists()


def test_a_key_that_the_host_does_not_know(world: World) -> None:
    keys = there(world).server.root / "authorized_keys"
    before = keys.read_text()
    keys.write_text((there(world).server.root / "stranger.pub").read_text())
    try:
        with pytest.raises(PublishError, match="it knows none of our ssh keys"):
            world.publish()
    finally:
        keys.write_text(before)


def test_nobody_at_the_address(world: World) -> None:
    world.say(table=f'to = "ssh://127.0.0.1:{free_port()}{there(world).folder}"')
    with pytest.raises(PublishError, match="it cannot be reached"):
        world.publish()


def test_a_directory_whose_parent_is_missing(world: World) -> None:
    world.say(table=f'to = "{there(world).server.url(there(world).folder / "deep" / "er")}"')
    with pytest.raises(PublishError, match="the directory cannot be made there"):
        world.publish()


def test_a_connection_that_breaks_off(world: World) -> None:
    world.publish()
    before = world.there.served()
    world.fill({f"new/{n}.bin": os.urandom(200_000) for n in range(20)})
    world.fill({"index.html": b"new"})

    class Breaks(Quiet):
        def sent(self, files: int, of: int) -> None:
            if files == 5:
                for process in psutil.Process(there(world).server.pid).children(recursive=True):
                    with suppress(psutil.NoSuchProcess):  # its parent's end was its own
                        process.kill()

    with pytest.raises(PublishError, match="the connection broke off") as caught:
        world.publish(listener=Breaks())
    assert caught.value.changed == "nothing: what was published before is served"
    assert world.there.served() == before
    world.publish()
    assert world.there.served() == world.files()
    assert list((there(world).folder / ".tenfold" / "incoming").iterdir()) == []


def test_files_of_somebody_else(world: World) -> None:
    there(world).folder.mkdir()
    (there(world).folder / "index.php").write_text("theirs")
    with pytest.raises(Refused, match=r"what Tenfold did not publish: index\.php"):
        world.publish()
    world.publish(take_over=True)
    assert world.there.served() == SITE
    assert (there(world).folder / "index.php").read_text() == "theirs"


def test_current_that_is_no_link(world: World) -> None:
    (there(world).folder / "current").mkdir(parents=True)
    with pytest.raises(PublishError, match="current is there, and is no link"):
        world.publish(take_over=True)


def test_a_release_that_somebody_changed_is_sent_as_a_whole(world: World) -> None:
    world.publish()
    current = there(world).folder / "current"
    (current / "style.css").write_bytes(b"by hand")
    (current / "more.html").write_bytes(b"by hand")
    world.fill({"index.html": b"new"})
    done = world.publish()
    assert done.sent.files == len(SITE)
    assert world.there.served() == world.files()


def test_a_publication_that_is_not_there_any_more(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"new"})
    world.publish()
    (old,) = world.kept()
    with world.place() as place:
        standing = place.look(Quiet())
        shutil.rmtree(there(world).folder / "releases" / old)
        with pytest.raises(PublishError, match="is not there any more"):
            place.back(standing.kept[0], standing, Quiet())
    assert world.there.served() == world.files()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(world: World) -> None:
    folder = there(world).folder
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    try:
        world.publish()
        world.fill({"big.bin": os.urandom(400_000), "index.html": b"new"})
        with pytest.raises(PublishError, match="there is no room left on its disk") as caught:
            world.publish()
        assert caught.value.changed == "nothing: what was published before is served"
        assert world.there.served() == SITE
        assert list((folder / ".tenfold" / "incoming").iterdir()) == [], "nothing is left over"
        (world.folder / "big.bin").unlink()
        world.publish()
        assert world.there.served() == world.files()
    finally:
        subprocess.run(["umount", folder], check=True)


def test_nothing_else_is_open_to_whoever_else_is_on_the_machine(world: World) -> None:
    world.publish()
    for path in there(world).folder.rglob("*"):
        assert not path.lstat().st_mode & 0o022 or path.is_symlink(), path
