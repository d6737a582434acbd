from __future__ import annotations

import pytest

from tenfold.errors import TargetError
from tenfold.targets.places import Places


def test_a_host_lives_in_a_place_of_its_own_name_unless_another_is_given() -> None:
    places = Places({"app1": "vm1"})
    assert [places.of(name) for name in ("app1", "db1")] == ["vm1", "db1"]
    assert [places.name_of(place) for place in ("vm1", "db1")] == ["app1", "db1"]


def test_a_place_that_has_another_name_is_not_reached_by_its_own() -> None:
    places = Places({"app1": "vm1"})
    assert places.of("vm1") is None
    with pytest.raises(TargetError, match="there is no place for a host vm1: app1 is there"):
        places.require("vm1")


def test_a_place_whose_name_belongs_to_another_host_has_none() -> None:
    assert Places({"app1": "vm1"}).name_of("app1") is None


def test_two_hosts_may_change_names() -> None:
    places = Places({"a": "b", "b": "a"})
    assert [places.of(name) for name in ("a", "b")] == ["b", "a"]
    assert [places.name_of(place) for place in ("a", "b")] == ["b", "a"]


def test_two_hosts_in_one_place_are_refused() -> None:
    with pytest.raises(ValueError, match="two hosts live in one place"):
        Places({"a": "vm1", "b": "vm1"})
