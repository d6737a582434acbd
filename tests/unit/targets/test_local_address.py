from __future__ import annotations

import ipaddress
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenfold.targets.local import address


@given(st.text())
def test_an_address_is_a_loopback_host_address_and_always_the_same(key: str) -> None:
    found = ipaddress.ip_address(address.derived(key))
    assert found.is_loopback
    assert str(found).split(".")[1] != "0"
    assert str(found).split(".")[3] not in ("0", "255")
    assert address.derived(key) == str(found)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_two_hosts_get_addresses_of_their_own() -> None:
    assert address.choose("shop/vm1") != address.choose("shop/vm2") != address.EVERYWHERE
