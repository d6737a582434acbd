"""One suite for every kind of place, each as it really is: git, sshd, an S3 server, and what
stands in for Netlify."""

from __future__ import annotations

import pytest
from tests.support.publishing import SITE, Quiet, World

from tenfold.errors import PublishError, Refused, UsageError
from tenfold.publishing import work

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180), pytest.mark.few(8)]


def test_everything_is_served_under_its_name(world: World) -> None:
    done = world.publish()
    assert world.there.served() == SITE
    assert done.publication.files >= len(SITE)
    assert world.plan().empty, "nothing is left to do"


def test_one_page_that_changes_travels_alone(world: World) -> None:
    world.publish()
    world.fill({"about/index.html": b"<h1>About us</h1>"})
    done = world.publish()
    assert (done.sent.files, done.sent.bytes) == (1, 17)
    assert done.changes.changed == ("about/index.html",)
    assert world.there.served() == world.files()


def test_files_that_are_gone_are_gone_and_folders_become_files(world: World) -> None:
    world.publish()
    for path in ("about/index.html", "img/bread.png"):
        (world.folder / path).unlink()
    (world.folder / "about").rmdir()
    world.fill({"about": b"a file by now"})
    done = world.publish()
    assert done.changes.gone == ("about/index.html", "img/bread.png")
    assert world.there.served() == world.files()


def test_a_file_that_becomes_a_folder(world: World) -> None:
    world.fill({"news": b"a file"})
    world.publish()
    (world.folder / "news").unlink()
    world.fill({"news/index.html": b"a folder by now"})
    world.publish()
    assert world.there.served() == world.files()


def test_the_publication_before_is_put_back_and_that_one_too(world: World) -> None:
    first = world.files()
    world.publish()
    world.fill({"index.html": b"second", "new.html": b"new"})
    second = world.files()
    world.publish()
    (world.folder / "style.css").unlink()
    world.publish()
    assert "style.css" not in world.there.served()
    world.back()
    assert world.there.served() == second
    assert not world.plan().empty, "the folder is newer than what is served"
    world.back()
    assert world.there.served() == first
    with pytest.raises(Refused, match="the earliest publication"):
        world.back()


def test_any_publication_is_put_back_by_its_id(world: World) -> None:
    assert world.kept() == []
    world.publish()
    first = world.there.served()
    for number in range(2):
        world.fill({"index.html": str(number).encode()})
        world.publish()
    world.back(world.kept()[-1])
    assert world.there.served() == first
    with pytest.raises(UsageError, match="there is no publication 2020"):
        world.back("2020")


def test_nothing_can_be_put_back_where_there_is_one_alone(world: World) -> None:
    world.publish()
    with pytest.raises(Refused, match="no earlier publication"):
        world.back()


def test_after_going_back_publishing_goes_on(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"second"})
    world.publish()
    world.back()
    world.publish()
    assert world.there.served() == world.files()


def test_looking_changes_nothing(world: World) -> None:
    world.publish()
    before = world.there.served()
    world.fill({"index.html": b"other", "new.html": b"new"})
    (world.folder / "robots.txt").unlink()
    changes = world.plan().changes
    assert (changes.new, changes.changed, changes.gone) == (
        ("new.html",),
        ("index.html",),
        ("robots.txt",),
    )
    assert world.there.served() == before


def test_somebody_else_publishes_meanwhile(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"ours"})
    with world.place() as place:
        todo = work.plan(place, world.folder, Quiet())
        other = World(world.project.with_name("other"), world.there)
        other.fill({"index.html": b"theirs"})
        other.publish()
        theirs = world.there.served()
        with pytest.raises(PublishError, match="somebody else") as caught:
            work.carry_out(place, todo, Quiet())
    assert caught.value.next is not None
    assert "--dry-run" in caught.value.next
    assert world.there.served() == theirs
    world.publish()
    assert world.there.served() == world.files()


def test_a_file_that_changes_while_it_is_published(world: World) -> None:
    world.publish()
    before = world.there.served()
    world.fill({"index.html": b"this one", "new.html": b"new"})
    with world.place() as place:
        todo = work.plan(place, world.folder, Quiet())
        world.fill({"index.html": b"no, that one"})
        with pytest.raises(Refused, match=r"index\.html changed while it was being published"):
            work.carry_out(place, todo, Quiet())
    assert world.there.served() == before


@pytest.mark.sampled(2)
def test_killed_at_every_step_the_old_or_the_new_one_is_whole(world: World) -> None:
    fill(world, 0)
    world.publish()
    step, seen, ended = 1, [], False
    while not ended:
        old = world.there.served()
        fill(world, step)
        new = world.files()
        ended = not world.publish_killed_at(step)
        served = world.there.served()
        seen.append("old" if served == old else "new" if served == new else "between")
        if seen[-1] == "between":
            assert world.there.kind == "bucket", f"killed at step {step}"
            whole(served, old, new, step)
        if not ended:
            world.publish()
        assert world.there.served() == new, f"killed at step {step}, and published again"
        step += 1
    assert seen[0] == "old"
    assert seen[-1] == "new"
    assert step > 5, "it was killed at many points"


def fill(world: World, number: int) -> None:
    """A page, what it shows, and another one that is there in even times alone."""
    world.fill({
        "index.html": f"{number} <img src=/img/{number}.png>".encode(),
        f"img/{number}.png": str(number).encode(),
        "even.html": b"even",
    })  # fmt: skip
    (world.folder / f"img/{number - 1}.png").unlink(missing_ok=True)
    if number % 2:
        (world.folder / "even.html").unlink()


def whole(
    served: dict[str, bytes], old: dict[str, bytes], new: dict[str, bytes], number: int
) -> None:
    """Nothing is served that neither has, and no page without what it names."""
    for path, content in served.items():
        assert content in (old.get(path), new.get(path))
    shows = number if served["index.html"] == new["index.html"] else number - 1
    assert f"img/{shows}.png" in served


def test_killed_once_it_is_put_back(world: World) -> None:
    world.publish()
    old = world.there.served()
    world.fill({"index.html": b"second"})
    world.publish()
    world.fill({"index.html": b"third", "x.html": b"x"})
    step = 8
    world.publish_killed_at(step)
    world.back(world.kept()[-1])
    assert world.there.served() == old
