"""What the URL of somebody's own Redis says."""

from __future__ import annotations

import pytest

from tenfold.engines.redis.external import Address, Facts, notes, parse
from tenfold.errors import Refused
from tenfold.secret import Secret


@pytest.mark.parametrize(
    ("url", "place", "local", "encrypted"),
    [
        ("redis://127.0.0.1", "127.0.0.1:6379", True, False),
        ("redis://:pass@cache.example:6380/2", "cache.example:6380", False, False),
        ("rediss://app:pass@cache.example", "cache.example:6379", False, True),
        ("valkey://[::1]:7000", "[::1]:7000", True, False),
        ("unix:///run/redis%20two.sock?db=1&password=pass", "/run/redis two.sock", True, False),
        ("redis+socket:///run/redis.sock", "/run/redis.sock", True, False),
    ],
)
def test_where_it_is(url: str, place: str, local: bool, encrypted: bool) -> None:
    address = parse(Secret(url))

    assert (address.place, address.local, address.encrypted) == (place, local, encrypted)


def test_as_whom() -> None:
    address = parse(Secret("redis://ap%40p:p%2Fss@cache.example"))

    assert (address.user, address.password) == ("ap@p", Secret("p/ss"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://cache.example", "redis://"),
        ("", "redis://"),
        ("redis://user:pa/ss@cache.example:x", "not a URL"),
        ("unix://", "no socket"),
    ],
)
def test_what_is_none_is_refused_without_showing_it(url: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(Secret(url))

    assert why in refused.value.what
    assert "pa/ss" not in str(refused.value)


def test_what_a_person_should_know() -> None:
    away = Address("cache.example", 6379)
    told = list(notes(away, Facts("Redis 7.0", "allkeys-lru")))

    assert len(told) == 3
    assert "not encrypted" in told[0]
    assert "no password" in told[1]
    assert "not for queues" in told[2]
    assert list(notes(Address("127.0.0.1", 6379), Facts("Redis 7.0", "noeviction"))) == []
