"""What every target promises, whatever its hosts are made of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from tests.contract.worlds import WORLDS, World
from tests.support.hosts import until

from tenfold.errors import StepFailed, TargetError, TenfoldError, UnitFailed
from tenfold.secret import Secret
from tenfold.targets.protocol import HostAgent
from tenfold.topology.model import Host
from tenfold.topology.process import File, Listen

VM = Host("vm1")


@pytest.fixture(params=sorted(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with WORLDS[request.param]() as made:
        yield made


@pytest.fixture
def agent(world: World) -> HostAgent:
    return world.target.ensure(VM)


def states(agent: HostAgent) -> dict[str, str]:
    return {unit.name: unit.state for unit in agent.observe().units}


def listen(agent: HostAgent) -> str:
    return agent.listen([Listen("app", agent.paths.address, 0)])["app"]


def test_a_host_that_was_never_ensured_does_not_exist(world: World) -> None:
    assert world.target.hosts() == ()
    assert world.target.reach("vm1") is None
    world.target.destroy("vm1")


def test_a_host_is_where_it_was_located_before_it_existed(world: World) -> None:
    place = world.target.locate(VM)
    assert world.target.hosts() == ()
    agent = world.target.ensure(VM)
    assert agent.paths == place == world.target.locate(VM)
    assert agent.observe().address == place.address


def test_ensuring_a_host_twice_gives_the_same_host(world: World, agent: HostAgent) -> None:
    agent.start(world.singleton("a"))
    again = world.target.ensure(VM)
    assert again.observe().unit("a") == agent.observe().unit("a")
    assert world.target.hosts() == ("vm1",)


def test_hosts_know_nothing_of_each_other(world: World) -> None:
    one, two = world.target.ensure(Host("one")), world.target.ensure(Host("two"))
    one.start(world.singleton("a"))
    assert states(one) == {"a": "running"}
    assert states(two) == {}
    assert sorted(world.target.hosts()) == ["one", "two"]


def test_starting_a_unit_twice_is_starting_it_once(world: World, agent: HostAgent) -> None:
    order = world.singleton("a")
    agent.start(order)
    first = agent.observe().unit("a")
    agent.start(order)
    assert first is not None
    assert first.pid is not None
    assert agent.observe().unit("a") == first


def test_a_changed_launch_starts_the_unit_anew(world: World, agent: HostAgent) -> None:
    order = world.singleton("a")
    agent.start(order)
    before = agent.observe().unit("a")
    agent.start(world.changed(order))
    after = agent.observe().unit("a")
    assert before is not None
    assert after is not None
    assert after.state == "running"
    assert after.pid != before.pid


def test_one_that_lasts_takes_a_changed_launch_with_its_next_start(
    world: World, agent: HostAgent
) -> None:
    order = world.singleton("a")
    order = replace(order, launch=replace(order.launch, lasts=True))
    agent.start(order)
    before = agent.observe().unit("a")
    assert before is not None
    agent.start(world.changed(order))
    after = agent.observe().unit("a")
    assert after is not None
    assert (after.pid, after.replaced) == (before.pid, True)
    agent.start(replace(world.changed(order), instead_of=before.pid))
    last = agent.observe().unit("a")
    assert last is not None
    assert last.pid != before.pid
    assert not last.replaced


def test_a_process_that_is_not_wanted_any_more_is_replaced_once(
    world: World, agent: HostAgent
) -> None:
    order = world.singleton("a")
    agent.start(order)
    before = agent.observe().unit("a")
    assert before is not None
    for _ in range(2):
        agent.start(replace(order, instead_of=before.pid))
        after = agent.observe().unit("a")
        assert after is not None
        assert after.state == "running"
        assert after.pid != before.pid
    agent.start(order)
    assert agent.observe().unit("a") == after


def test_the_same_launch_with_another_fingerprint_keeps_the_process(
    world: World, agent: HostAgent
) -> None:
    order = world.singleton("a")
    agent.start(replace(order, fingerprint="one"))
    before = agent.observe().unit("a")
    agent.start(replace(order, fingerprint="two"))
    after = agent.observe().unit("a")
    assert before is not None
    assert after is not None
    assert (before.fingerprint, after.fingerprint) == ("one", "two")
    assert (after.pid, after.state) == (before.pid, "running")


def test_stopping_a_unit_forgets_it_and_may_be_repeated(world: World, agent: HostAgent) -> None:
    agent.start(world.singleton("a"))
    agent.stop("a")
    agent.stop("a")
    assert states(agent) == {}


def test_an_order_is_observed_with_what_it_carries(world: World, agent: HostAgent) -> None:
    listen(agent)
    order = world.member(agent, 0, 3)
    agent.start(order)
    seen = agent.observe().unit(order.name)
    assert seen is not None
    assert (seen.pool, seen.generation, seen.engine) == ("app", 3, "test")
    assert (seen.release, seen.fingerprint) == (order.release, order.fingerprint)


def test_a_unit_that_fails_says_so_without_its_secrets(world: World, agent: HostAgent) -> None:
    secret = Secret("hunter2-and-more")
    with pytest.raises(UnitFailed) as failure:
        agent.start(world.failing("a", secret))
    text = f"{failure.value.what} {failure.value.detail} {failure.value.next}"
    assert "code 7" in text
    assert secret.reveal() not in text
    agent.stop("a")
    assert states(agent) == {}


def test_members_are_warm_until_a_handover(world: World, agent: HostAgent) -> None:
    listen(agent)
    for index in range(2):
        agent.start(world.member(agent, index, 1))
    assert set(states(agent).values()) == {"warm"}
    agent.handover("app", 1)
    assert set(states(agent).values()) == {"running"}


def test_a_handover_leaves_only_the_new_generation(world: World, agent: HostAgent) -> None:
    listen(agent)
    agent.start(world.singleton("other"))
    for generation in (1, 2):
        agent.start(world.member(agent, 0, generation))
        told: list[str] = []
        agent.handover("app", generation, told.append)
    assert states(agent) == {"other": "running", "app.2.0": "running"}
    assert any("app.1.0" in text for text in told)
    agent.handover("app", 2)
    assert states(agent) == {"other": "running", "app.2.0": "running"}


def test_a_handover_to_nobody_leaves_everybody(world: World, agent: HostAgent) -> None:
    listen(agent)
    agent.start(world.member(agent, 0, 1))
    agent.handover("app", 1)
    with pytest.raises(UnitFailed):
        agent.handover("app", 2)
    assert states(agent) == {"app.1.0": "running"}


def test_a_unit_cannot_have_a_socket_that_there_is_not(world: World, agent: HostAgent) -> None:
    with pytest.raises(UnitFailed, match="app"):
        agent.start(world.member(agent, 0, 1))
    assert states(agent) == {}


def test_a_socket_keeps_its_port(world: World, agent: HostAgent) -> None:
    endpoint = listen(agent)
    assert listen(agent) == endpoint
    assert dict(agent.observe().sockets) == {"app": endpoint}


def test_only_files_that_change_are_told(agent: HostAgent) -> None:
    files = [File("config/a.conf", "a"), File("config/b.conf", Secret("b"), 0o600)]
    assert len(agent.write(files)) == 2
    assert agent.write(files) == ()
    changed = [files[0], File("config/b.conf", Secret("c"), 0o600)]
    assert agent.write(changed) == ("config/b.conf",)


def test_reloading_what_does_not_run_fails(agent: HostAgent) -> None:
    with pytest.raises(UnitFailed):
        agent.reload("nothing")


def test_logs_of_a_unit_that_said_nothing_are_empty(world: World, agent: HostAgent) -> None:
    assert list(world.target.logs("vm1", ["nothing"], lines=10, follow=False)) == []


def test_logs_are_there_when_the_host_is_not(world: World) -> None:
    assert list(world.target.logs("vm1", [], lines=10, follow=False)) == []


def test_metrics_of_an_empty_pool_have_no_routes(agent: HostAgent) -> None:
    assert agent.metrics("app")["routes"] == []


def test_a_host_that_was_shut_down_is_out_of_reach_and_can_return(
    world: World, agent: HostAgent
) -> None:
    agent.start(world.singleton("a"))
    agent.shutdown()
    assert world.target.reach("vm1") is None
    assert world.target.hosts() == ("vm1",)
    with pytest.raises(TenfoldError):
        agent.observe()
    assert states(world.target.ensure(VM)) == {}


def test_a_destroyed_host_is_gone(world: World, agent: HostAgent) -> None:
    agent.start(world.singleton("a"))
    world.target.destroy("vm1")
    assert world.target.hosts() == ()
    assert world.target.reach("vm1") is None


def test_a_host_that_was_set_aside_is_none_and_its_name_is_free(
    world: World, agent: HostAgent
) -> None:
    agent.start(world.singleton("a"))
    world.target.set_aside("vm1")
    assert world.target.hosts() == ()
    assert world.target.reach("vm1") is None
    assert states(world.target.ensure(VM)) == {}
    world.target.delete_aside()
    assert world.target.hosts() == ("vm1",)


def pool(world: World, agent: HostAgent, generation: int = 1) -> None:
    """One member of ``app`` that accepts."""
    listen(agent)
    agent.start(world.member(agent, 0, generation))
    agent.handover("app", generation)


def test_a_held_pool_holds_until_it_is_released(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    agent.hold("app", 60.0)
    assert states(agent) == {"app.1.0": "holding"}
    [(held, until_seconds)] = agent.observe().held
    assert held == "app"
    assert 0 < until_seconds - time.time() <= 60.0
    agent.drained("app", 10.0)
    for _ in range(2):
        agent.release("app")
        assert states(agent) == {"app.1.0": "running"}
        assert agent.observe().held == ()


def test_a_hold_ends_by_itself(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    agent.hold("app", 0.3)
    until(lambda: states(agent) == {"app.1.0": "running"}, "the hold to be over")
    assert agent.observe().held == ()


def test_holding_again_extends_the_hold(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    agent.hold("app", 30.0)
    first = agent.observe().held
    agent.hold("app", 60.0)
    assert agent.observe().held[0][1] > first[0][1]


def test_a_held_pool_can_be_handed_over(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    agent.start(world.member(agent, 0, 2))
    agent.hold("app", 60.0)
    assert states(agent) == {"app.1.0": "holding", "app.2.0": "warm"}
    agent.handover("app", 2)
    assert states(agent) == {"app.2.0": "running"}
    assert agent.observe().held == ()


def test_a_pool_in_which_nobody_accepts_cannot_be_held(world: World, agent: HostAgent) -> None:
    listen(agent)
    agent.start(world.member(agent, 0, 1))
    with pytest.raises(UnitFailed):
        agent.hold("app", 60.0)
    assert states(agent) == {"app.1.0": "warm"}
    assert agent.observe().held == ()


def test_a_pool_that_is_not_held_is_not_drained(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    with pytest.raises(StepFailed):
        agent.drained("app", 10.0)


def test_a_settled_pool_serves_on(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    agent.settle("app", 10.0)
    assert states(agent) == {"app.1.0": "running"}
    agent.release("app")
    assert states(agent) == {"app.1.0": "running"}


def test_a_pool_without_requests_has_no_longest_one(world: World, agent: HostAgent) -> None:
    assert agent.longest_request("app") == 0.0
    pool(world, agent)
    assert agent.longest_request("app") == 0.0


def test_a_pool_without_requests_is_held_at_once(world: World, agent: HostAgent) -> None:
    pool(world, agent)
    assert 0 <= agent.hold("app", 60.0, lull_seconds=600.0) < 60
    assert states(agent) == {"app.1.0": "holding"}


def test_a_stop_may_have_a_bound(world: World, agent: HostAgent) -> None:
    agent.start(world.singleton("a"))
    agent.stop("a", within_seconds=5.0)
    assert states(agent) == {}


def test_a_command_that_was_replaced_changes_nothing_and_may_look(world: World) -> None:
    old, new = (world.target.with_epoch(epoch).ensure(VM) for epoch in (1, 2))
    old.claim(1)
    old.start(world.singleton("a"))
    new.claim(2)
    new.claim(2)
    for change in (lambda: old.stop("a"), lambda: old.release("app"), lambda: old.claim(1)):
        with pytest.raises(StepFailed, match="another command has taken over"):
            change()
    assert states(old) == states(new) == {"a": "running"}
    new.stop("a")


def test_a_command_without_an_epoch_is_not_checked(world: World, agent: HostAgent) -> None:
    world.target.with_epoch(2).ensure(VM).claim(2)
    agent.start(world.singleton("a"))
    assert states(agent) == {"a": "running"}


def test_a_host_can_be_called_something_else(world: World, agent: HostAgent) -> None:
    agent.start(world.singleton("a"))
    renamed = world.target.named({"app1": "vm1"})
    assert renamed.hosts() == ("app1",)
    assert renamed.reach("vm1") is None
    again = renamed.ensure(Host("app1"))
    assert again.paths == agent.paths
    assert again.observe().name == "app1"
    assert again.observe().unit("a") == agent.observe().unit("a")
    with pytest.raises(TargetError):
        renamed.ensure(VM)
    renamed.destroy("app1")
    assert world.target.hosts() == ()
