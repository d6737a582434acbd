from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tenfold.cli.maintenance import guests
from tenfold.cli.moment import moment
from tenfold.errors import UsageError

NOW = datetime(2026, 11, 26, 14, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("14:30", "2026-11-26T14:30:00+01:00"),
        ("9:05", "2026-11-27T09:05:00+01:00"),
        ("2026-11-27 08:00", "2026-11-27T08:00:00+01:00"),
        ("2026-11-27T08:00:00+00:00", "2026-11-27T08:00:00+00:00"),
        ("+45m", "2026-11-26T14:45:00+01:00"),
        ("+1.5h", "2026-11-26T15:30:00+01:00"),
    ],
)
def test_moments_as_people_write_them(text: str, found: str) -> None:
    assert moment(text, NOW).isoformat() == found


@pytest.mark.parametrize("text", ["soon", "25:00", "2026-11-25 10:00", "+45", "2027-11-26", ""])
def test_others_are_refused_with_how_to_write_them(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        moment(text, NOW)
    assert "14:30" in (refused.value.next or "")


def test_networks_are_named_address_by_address() -> None:
    assert guests(("203.0.113.7", "198.51.100.4/30", "2001:DB8:0::1")) == (
        "203.0.113.7",
        "198.51.100.4",
        "198.51.100.5",
        "198.51.100.6",
        "198.51.100.7",
        "2001:db8::1",
    )


@pytest.mark.parametrize("text", ["10.0.0.0/8", "2001:db8::/64", "home", "1.2.3.4; rm", "../x"])
def test_what_is_no_address_or_too_many_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        guests((text,))
