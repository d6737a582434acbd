"""Netlify, by what stands in for it: busy, broken, damaged, and with somebody else at it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support import argv, netlify
from tests.support.ports import free_port
from tests.support.publishing import SITE, Hosted, World

from tenfold.errors import PublishError, Refused

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120), pytest.mark.few(6)]


@pytest.fixture
def world(make: Callable[[str], World]) -> World:
    return make("netlify")


def server(world: World) -> netlify.Netlify:
    assert isinstance(world.there, Hosted)
    return world.there.server


def test_equal_contents_travel_once(world: World) -> None:
    world.fill({"one.html": b"same", "two.html": b"same", "three.html": b"same"})
    world.publish()
    assert sorted(size for _, size in server(world).uploads).count(4) == 1
    assert world.there.served() == world.files()


def test_what_it_had_once_does_not_travel_again(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"second"})
    world.publish()
    world.fill({"index.html": SITE["index.html"]})
    assert world.publish().sent.files == 0
    assert world.there.served() == SITE


def test_redirects_and_headers_go_along(world: World) -> None:
    world.fill({"_redirects": b"/old /new 301\n", "_headers": b"/*\n  X-Frame-Options: DENY\n"})
    world.publish()
    assert world.there.served() == world.files()


def test_more_files_than_it_lists_at_once(world: World) -> None:
    world.fill({f"pages/{n}.html": str(n).encode() for n in range(2 * netlify.PAGE + 5)})
    world.publish()
    assert world.plan().empty


def test_a_server_that_is_busy_or_broken_for_a_while(world: World) -> None:
    world.publish()
    server(world).busy, server(world).broken = 2, 2
    world.fill({"index.html": b"new"})
    world.publish()
    assert world.there.served() == world.files()


def test_one_that_stays_broken(world: World) -> None:
    world.publish()
    server(world).broken = 100
    with pytest.raises(PublishError, match="Netlify answers 503: out of order"):
        world.publish()
    server(world).broken = 0
    assert world.there.served() == SITE


def test_a_wrong_token(world: World) -> None:
    with argv.watched("wrong-and-hidden") as seen:
        done = world.tenfold("publish", T="wrong-and-hidden")
    assert done.returncode == 1
    assert "Netlify refuses the token" in done.stderr
    assert "wrong-and-hidden" not in done.stdout + done.stderr
    assert seen == []


def test_no_token(world: World) -> None:
    done = world.tenfold("publish", T="")
    assert done.returncode == 2
    assert "is set, and empty" in done.stderr


def test_no_such_site(world: World) -> None:
    world.say(table=world.there.table.replace("netlify:bakery", "netlify:other"))
    with pytest.raises(PublishError, match="there is no such site"):
        world.publish()


def test_nobody_at_the_address(world: World) -> None:
    here = server(world).url
    world.say(table=world.there.table.replace(here, f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(PublishError, match="cannot be reached"):
        world.plan()


def test_what_arrives_damaged_is_not_served(world: World) -> None:
    world.publish()
    server(world).damages = True
    world.fill({"index.html": b"new"})
    with pytest.raises(PublishError, match="422: digest does not match"):
        world.publish()
    assert world.there.served() == SITE
    assert [d.state for d in server(world).deploys.values()][-1] == "error", "it was cancelled"


def test_a_deploy_that_netlify_gives_up(world: World) -> None:
    world.publish()
    server(world).gives_up = True
    world.fill({"index.html": b"new"})
    with pytest.raises(PublishError, match="gave the deploy up: Deploy did not succeed"):
        world.publish()
    assert world.there.served() == SITE


def test_auto_publishing_that_is_stopped_is_said(world: World) -> None:
    world.publish()
    server(world).stopped = True
    world.fill({"index.html": b"new"})
    with pytest.raises(PublishError, match="is served") as caught:
        world.publish()
    assert "auto publishing is stopped" in str(caught.value.next)
    world.back(server(world).published and list(server(world).deploys)[-1])
    assert world.there.served() == world.files()


def test_somebody_else_publishes_while_we_send(world: World) -> None:
    world.publish()
    world.fill({"index.html": b"ours", "second.html": b"ours, too"})
    theirs = {"index.html": b"theirs"}

    def first_upload() -> None:
        server(world).before_upload = lambda: None
        server(world).somebody_else(theirs)

    server(world).before_upload = first_upload
    with pytest.raises(PublishError, match="somebody else published there meanwhile"):
        world.publish()
    assert world.there.served() == theirs


def test_names_that_netlify_does_not_take(world: World) -> None:
    world.fill({"what?.html": b"x", "c#.html": b"x"})
    with pytest.raises(Refused, match=r'c#\.html: Netlify has no "#"') as caught:
        world.publish()
    assert "what?.html" in caught.value.what
    assert server(world).deploys == {}
