from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold import errors
from tenfold.agent import wire
from tenfold.agent.bound import Bound
from tenfold.agent.identity import Identity
from tenfold.agent.record import UnitRecord, from_json
from tenfold.secret import Secret
from tenfold.topology.observation import ObservedHost, ObservedUnit
from tenfold.topology.process import Command, File, Launch, Probe, Stop, UnitOrder

texts = st.text(max_size=8)
values = texts | texts.map(Secret)
environments = st.dictionaries(texts, values, max_size=3)
commands = st.builds(Command, st.tuples(texts), environments, st.none() | texts, st.none() | texts)
launches = st.builds(
    Launch,
    argv=st.tuples(texts, texts),
    cwd=texts,
    ready=st.builds(Probe, st.sampled_from(["exec", "tcp", "http", "control"]), st.tuples(texts)),
    env=environments,
    sockets=st.tuples(texts),
    prepare=st.tuples(commands),
    stop=st.builds(Stop, st.sampled_from(["SIGTERM", "SIGINT"])),
    control=st.none() | texts,
    reload=st.none() | texts,
)
orders = st.builds(UnitOrder, texts, texts, launches, st.tuples(texts), st.none() | texts)


def through(value: object) -> object:
    return wire.from_wire(type(value), json.loads(json.dumps(wire.to_wire(value))))


@given(orders)
def test_an_order_arrives_as_it_was_sent(order: UnitOrder) -> None:
    assert through(order) == order


@given(orders, st.none() | st.builds(Identity, st.integers(), st.integers(), texts, texts))
def test_a_unit_is_remembered_as_it_was(order: UnitOrder, process: Identity | None) -> None:
    bound = Bound.of(3.0)
    record = UnitRecord(
        order, process=process, accepting=True, drain_until=bound.until, leaves_by=bound
    )
    assert from_json(json.loads(json.dumps(record.to_json()))) == record


def test_files_and_observations_arrive_as_they_were_sent() -> None:
    unit = ObservedUnit("a", "test", "running", pid=3, pool="app", fingerprint="f")
    seen = ObservedHost("vm1", "127.0.0.1", "running", 7, (("app", "127.0.0.1:80"),), (unit,))
    assert through(seen) == seen
    file = File("a", Secret("b"), 0o600)
    assert through(file) == file


def test_fields_of_a_newer_tenfold_are_left_out() -> None:
    data = {**wire.to_wire(File("a", "b")), "colour": "blue"}
    assert wire.from_wire(File, data) == File("a", "b")


@pytest.mark.parametrize("data", [None, 7, "text", [], {}, {"path": "a"}])
def test_what_is_no_file_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not a File"):
        wire.from_wire(File, data)


def test_secrets_show_nowhere_but_on_the_wire() -> None:
    launch = Launch(("a",), "/", Probe("tcp"), env={"S": Secret("hunter2")})
    order = UnitOrder("a", "test", launch)
    assert "hunter2" not in repr(order)
    assert "hunter2" in json.dumps(wire.to_wire(order))


@pytest.mark.parametrize(
    "error",
    [
        errors.UnitFailed("w", changed="c", next="n", detail="d"),
        errors.PortTaken("w"),
        errors.Refused("w"),
        errors.TargetError("w"),
    ],
)
def test_an_error_is_raised_again_as_the_same_class(error: errors.TenfoldError) -> None:
    again = wire.error_from_wire(json.loads(json.dumps(wire.error_to_wire(error))))
    assert type(again) is type(error)
    assert (again.what, again.changed, again.next, again.detail) == (
        (error.what, error.changed, error.next, error.detail)
    )


def test_the_agents_own_kinds_of_error_travel_as_their_public_parent() -> None:
    class Internal(errors.UnitFailed):
        pass

    assert type(wire.error_from_wire(wire.error_to_wire(Internal("w")))) is errors.UnitFailed


def test_an_unexpected_error_names_its_type() -> None:
    again = wire.error_from_wire(wire.error_to_wire(ZeroDivisionError("oh")))
    assert type(again) is errors.TargetError
    assert "ZeroDivisionError: oh" in again.what


@pytest.mark.parametrize("kind", ["Nonsense", "annotations", "__name__", None])
def test_an_unknown_kind_of_error_is_a_target_error(kind: object) -> None:
    assert type(wire.error_from_wire({"kind": kind, "what": "w"})) is errors.TargetError
