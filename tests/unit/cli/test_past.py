"""Moments that are over, as people write them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tenfold.cli.past import past
from tenfold.errors import UsageError

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 26, 14, 30, 0, tzinfo=ZONE)


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=ZONE).timestamp()  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("latest", None),
        ("14:29", at(2026, 11, 26, 14, 29)),
        ("14:29:59", at(2026, 11, 26, 14, 29, 59)),
        ("14:31", at(2026, 11, 25, 14, 31)),
        ("-45m", at(2026, 11, 26, 13, 45)),
        ("-2d", at(2026, 11, 24, 14, 30)),
        ("10m", at(2026, 11, 26, 14, 20)),
        ("2d", at(2026, 11, 24, 14, 30)),
        ("1.5h", at(2026, 11, 26, 13, 0)),
        ("2026-11-25 10:00:07", at(2026, 11, 25, 10, 0, 7)),
        ("2026-11-25T08:00:07Z", at(2026, 11, 25, 10, 0, 7)),
    ],
)
def test_a_moment_is_read_as_it_is_meant(text: str, wanted: float | None) -> None:
    assert past(text, NOW) == wanted


@pytest.mark.parametrize(
    "text", ["2027-01-01", "yesterday", "25:00", "-3 weeks", "", "10", "99999999999d"]
)
def test_what_is_none_or_yet_to_come_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        past(text, NOW)
