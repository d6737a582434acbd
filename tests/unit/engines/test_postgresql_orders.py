from __future__ import annotations

import json

import pytest
from tests.support.postgres import scene_for

from tenfold.engines.postgresql import orders
from tenfold.engines.postgresql.disk import (
    DiskState,
    Installation,
    parse_disk_state,
    parse_installation,
)
from tenfold.engines.postgresql.switch import bytes_behind, position
from tenfold.engines.postgresql.trial import Trial, parse_trial
from tenfold.errors import Refused
from tenfold.topology.settings import DatabaseSettings

PROGRAMS = {name: f"/opt/pg/bin/{name}" for name in ("postgres", "pg_ctl", "pg_controldata")}
UNIT, SCENE = scene_for(DatabaseSettings("shop"), "/srv/shop", PROGRAMS)

PRINTED = {
    "cluster": True,
    "signal": "fenced",
    "state": "shut down",
    "checkpoint": "0/5000028",
    "redo": "0/5000028",
    "timeline": 1,
    "system_identifier": "7512345678901234567",
    "postmaster": None,
    "processes": 0,
}


@pytest.mark.parametrize("name", ["fence", "follow", "unfence"])
def test_standby_orders(name: str) -> None:
    command = getattr(orders, name)(UNIT, SCENE)
    wanted = ("/bin/sh", "/srv/shop/config/standby.sh", name, "/srv/shop/data/cluster")
    assert command.argv == wanted
    assert command.creates is None


def test_orders_carry_no_secret_and_have_short_limits() -> None:
    everything = (
        orders.fence, orders.follow, orders.unfence, orders.disk_state, orders.installation
    )  # fmt: skip
    for order in everything:
        command = order(UNIT, SCENE)
        assert command.env == {}
        assert command.within_seconds <= 10


def test_what_disk_state_prints_is_read() -> None:
    state = parse_disk_state(f"sh: some warning\n{json.dumps(PRINTED)}\n")
    assert state == DiskState(**PRINTED)
    assert state.stopped
    assert state.led_and_was_shut_down


@pytest.mark.parametrize(
    "change",
    [
        {"processes": 1},
        {"state": "in production"},
        {"state": "shut down in recovery"},
        {"state": "in archive recovery"},
    ],
)
def test_only_a_leader_that_was_stopped_in_order_wrote_its_last_checkpoint(
    change: dict[str, object],
) -> None:
    assert not parse_disk_state(json.dumps({**PRINTED, **change})).led_and_was_shut_down


@pytest.mark.parametrize("text", ["", "\n", "no json", "[]", "1"])
def test_something_else_is_no_disk_state(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_disk_state(text)


def test_what_installation_prints_is_read() -> None:
    text = '{"version":"18.6","libraries":["citext","plpgsql"],"free_bytes":1024}'
    read = parse_installation(text)
    assert read == Installation("18.6", frozenset({"citext", "plpgsql"}), 1024)
    assert read.major == 18
    assert Installation("19beta1", frozenset(), 0).major == 19


def test_a_trial_lies_beside_the_data_and_leaves_nothing_that_it_started() -> None:
    command = orders.trial(UNIT, SCENE)
    shell, script, *arguments = command.argv
    assert (shell, script) == ("/bin/sh", "/srv/shop/config/trial.sh")
    assert arguments == ["/opt/pg/bin/postgres", "/srv/shop/data/cluster", SCENE.place.run]
    assert command.env == {}
    assert command.thorough


def test_what_a_trial_prints_is_read() -> None:
    told = parse_trial('some warning\n{"stop_us":83100,"promote_us":17800}\n')
    assert told == Trial(0.0831, 0.0178)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"stop_us":83100}',
        '{"stop_us":-5,"promote_us":17800}',
        '{"stop_us":83100,"promote_us":3600000000}',
        '{"stop_us":"soon","promote_us":17800}',
    ],
)
def test_times_that_cannot_be_are_no_measurement(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_trial(text)


def test_a_trial_that_was_left_out_says_why() -> None:
    with pytest.raises(Refused, match="no room"):
        parse_trial('{"left_out":"no room"}')


@pytest.mark.parametrize(
    ("lsn", "number"),
    [("0/0", 0), ("0/16B3748", 23803720), ("1/0", 1 << 32), ("A/FFFFFFFF", (11 << 32) - 1)],
)
def test_a_position_is_a_number_of_bytes(lsn: str, number: int) -> None:
    assert position(lsn) == number


def test_positions_are_compared_as_numbers_and_not_as_text() -> None:
    assert "0/9000000" > "0/10000000"
    assert position("0/9000000") < position("0/10000000")
    assert bytes_behind("0/9000000", "0/10000000") == 0x7000000
    assert bytes_behind("1/0", "0/FFFFFFFF") == 0
    assert bytes_behind(None, "0/10") == 16


def test_no_position() -> None:
    with pytest.raises(ValueError, match=r"."):
        position("here")
