"""A host that is known by another name than the directory that it lives in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.hosts import Hosts, hosts, script, sleeper, until

from tenfold.errors import TargetError
from tenfold.targets.local import LocalTarget
from tenfold.topology.model import Host


@pytest.fixture
def host() -> Iterator[Hosts]:
    with hosts() as made:
        yield made


def renamed(host: Hosts) -> LocalTarget:
    return host.target.named({"app1": "vm1"})


def test_a_host_keeps_units_address_and_directory_under_its_new_name(host: Hosts) -> None:
    before = host.up()
    before.start(sleeper("a"))
    target = renamed(host)
    after = target.ensure(Host("app1"))
    assert after.paths == before.paths == target.locate(Host("app1"))
    assert after.observe().unit("a") == before.observe().unit("a")
    assert (after.observe().name, before.observe().name) == ("app1", "vm1")
    assert target.hosts() == ("app1",)
    reached = target.reach("app1")
    assert reached is not None
    assert reached.observe().name == "app1"


def test_its_old_name_leads_nowhere(host: Hosts) -> None:
    host.up()
    target = renamed(host)
    assert target.reach("vm1") is None
    assert not target.remains("vm1")
    assert list(target.logs("vm1", [], lines=10, follow=False)) == []
    target.end("vm1")
    target.destroy("vm1")
    for call in (target.ensure, target.locate):
        with pytest.raises(TargetError, match="there is no place for a host vm1"):
            call(Host("vm1"))
    assert target.hosts() == ("app1",)


def test_its_logs_and_what_remains_of_it_are_found(host: Hosts) -> None:
    host.up().start(script("a", "import signal; print('word', flush=True); signal.pause()"))
    target = renamed(host)
    read = lambda: list(target.logs("app1", ["a"], lines=10, follow=False))  # noqa: E731
    until(lambda: read() == [("a", "word")], "its word")
    assert not host.target.named({"x": "elsewhere"}).remains("elsewhere")
    host.kill_host()
    assert target.remains("app1")
    target.end("app1")
    assert not target.remains("app1")


def test_a_host_may_be_made_under_a_name_that_is_not_its_directorys(host: Hosts) -> None:
    target = host.target.named({"db1": "place"})
    agent = target.ensure(Host("db1"))
    assert agent.paths == host.target.locate(Host("place"))
    assert (host.state / "hosts/place/host.json").exists()
    assert target.hosts() == ("db1",)
    target.destroy("db1")
    assert not (host.state / "hosts/place").exists()


def test_errors_use_the_name_that_the_caller_knows(host: Hosts) -> None:
    agent = renamed(host).ensure(Host("app1"))
    agent.shutdown()
    with pytest.raises(TargetError, match="the agent of app1 does not run"):
        agent.observe()


def test_names_and_epoch_go_together(host: Hosts) -> None:
    host.up()
    for target in (renamed(host).with_epoch(2), host.target.with_epoch(2).named({"app1": "vm1"})):
        agent = target.ensure(Host("app1"))
        agent.claim(2)
        assert agent.observe().name == "app1"
    assert host.target.hosts() == ("vm1",)
