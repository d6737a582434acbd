"""A bucket of a real S3 server: types, leftovers, and who else publishes there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import obstore
import pytest
from tests.support import argv
from tests.support.ports import free_port
from tests.support.publishing import SITE, InBucket, Quiet, World

from tenfold.errors import PublishError, Refused
from tenfold.publishing import work

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180), pytest.mark.few(6)]


@pytest.fixture
def world(make: Callable[[str], World]) -> World:
    return make("bucket")


def there(world: World) -> InBucket:
    assert isinstance(world.there, InBucket)
    return world.there


def put(world: World, name: str, content: bytes) -> None:
    obstore.put(there(world).store, f"{there(world).prefix}/{name}", content)


def get(world: World, name: str) -> bytes:
    return bytes(obstore.get(there(world).store, f"{there(world).prefix}/{name}").bytes())


def test_everything_has_its_type_also_where_contents_are_equal(world: World) -> None:
    world.fill({"empty.html": b"", "empty.css": b"", "robots.txt": b""})
    world.publish()
    for name, kind in (
        ("index.html", "text/html; charset=utf-8"),
        ("empty.html", "text/html; charset=utf-8"),
        ("empty.css", "text/css; charset=utf-8"),
        ("robots.txt", "text/plain; charset=utf-8"),
        ("img/bread.png", "image/png"),
    ):
        found = obstore.get(there(world).store, f"{there(world).prefix}/{name}").attributes
        assert found["Content-Type"] == kind
        assert found["Cache-Control"] == "public, max-age=0, must-revalidate"


def test_what_nobody_can_go_back_to_is_removed(world: World) -> None:
    world.say(table=f"{there(world).table}\nkeep = 1")
    for number in range(4):
        world.fill({"index.html": f"{number}".encode()})
        world.publish()
    names = there(world).names()
    assert len(world.kept()) == 1
    assert len([n for n in names if n.startswith(".tenfold/publications/")]) == 2
    assert len([n for n in names if n.startswith(".tenfold/contents/")]) == len(SITE) + 1
    assert ".tenfold/intent.json" not in names


def test_files_of_somebody_else_stay(world: World) -> None:
    put(world, "theirs.html", b"theirs")
    with pytest.raises(Refused, match=r"what Tenfold did not publish: theirs\.html"):
        world.publish()
    world.publish(take_over=True)
    world.fill({"index.html": b"new"})
    world.publish()
    assert world.there.served() == {**world.files(), "theirs.html": b"theirs"}


def test_somebody_else_is_publishing_right_now(world: World) -> None:
    world.publish()
    now = json.loads(get(world, ".tenfold/current.json"))["id"]
    intent = {"format": 1, "id": now, "at": time.time() - 60, "owner": "else", "before": now}
    put(world, ".tenfold/intent.json", json.dumps(intent).encode())
    world.fill({"index.html": b"new"})
    with pytest.raises(Refused, match="somebody else has been publishing"):
        world.publish()
    assert world.there.served() == SITE
    put(world, ".tenfold/intent.json", json.dumps({**intent, "at": time.time() - 3600}).encode())
    world.publish()
    assert world.there.served() == world.files()


def test_what_was_cut_off_is_told_and_finished_from_anywhere(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"new", "new.html": b"new"})
    step = 1
    while ".tenfold/intent.json" not in there(world).names():
        assert world.publish_killed_at(step)
        step += 1
    done = world.tenfold("publish", "--dry-run")
    assert done.returncode == 2
    assert "was cut off while it was put into place" in done.stdout
    elsewhere = World(world.project.with_name("elsewhere"), world.there)
    elsewhere.fill({"index.html": b"new", "new.html": b"new"})
    elsewhere.publish(take_over=True)
    assert world.there.served() == world.files()
    assert world.plan().empty


def test_what_was_cut_off_can_be_taken_back(world: World) -> None:
    world.publish()
    before = world.there.served()
    world.fill({"index.html": b"new", "new.html": b"new"})
    step = 1
    while ".tenfold/intent.json" not in there(world).names():
        assert world.publish_killed_at(step)
        step += 1
    world.fill(before)
    (world.folder / "new.html").unlink()
    world.publish()
    assert world.there.served() == before


def test_two_that_begin_at_once(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"ours"})
    with world.place() as place:
        todo = work.plan(place, world.folder, Quiet())
        put(world, ".tenfold/intent.json", json.dumps({
            "format": 1, "id": "20200101-000000.000-abcdef", "at": time.time(), "owner": "else",
            "before": None,
        }).encode())  # fmt: skip
        with pytest.raises(PublishError, match="somebody else published there meanwhile"):
            work.carry_out(place, todo, Quiet())
    assert world.there.served() == SITE


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".tenfold/current.json", b"{"),
        (".tenfold/current.json", b'{"id": "../../etc"}'),
        (".tenfold/intent.json", b'{"id": 1}'),
    ],
)
def test_what_is_damaged_is_not_guessed_at(world: World, name: str, content: bytes) -> None:
    world.publish()
    put(world, name, content)
    with pytest.raises(PublishError) as caught:
        world.publish()
    assert name in caught.value.what
    assert "--take-over" in str(caught.value.next)
    assert world.there.served() == SITE


def test_contents_that_are_lost_are_noticed_before_anything_changes(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"new"})
    world.publish()
    for name in there(world).names():
        if name.startswith(".tenfold/contents/"):
            obstore.delete(there(world).store, f"{there(world).prefix}/{name}")
    with pytest.raises(PublishError, match="not everything of"):
        world.back()
    assert world.there.served() == world.files()


def test_wrong_keys(world: World) -> None:
    with argv.watched("wrong-and-hidden") as seen:
        done = world.tenfold("publish", B="wrong-and-hidden")
    assert done.returncode == 1
    assert "refuses access_key and secret_key" in done.stderr
    assert "wrong-and-hidden" not in done.stdout + done.stderr
    assert seen == []


def test_no_such_bucket_and_nobody_at_the_address(world: World) -> None:
    world.say(table=there(world).table.replace("s3://backups/", "s3://nobodys-bucket/"))
    with pytest.raises(PublishError, match="no such bucket"):
        world.publish()
    here = there(world).server.endpoint
    world.say(table=there(world).table.replace(here, f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(PublishError, match="connection refused"):
        world.publish()


def test_tenfold_s_own_folder_is_not_taken_for_a_page(world: World) -> None:
    world.fill({".tenfold/x": b"x"})
    with pytest.raises(Refused, match=r"\.tenfold: is no part of a site"):
        world.publish()
