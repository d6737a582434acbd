from __future__ import annotations

from typing import Any

import pytest

from tenfold.spec.units import seconds, size_in_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("250ms", 0.25), ("30s", 30), ("5m", 300), ("1h", 3600), ("1.5 s", 1.5), ("0s", 0)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100B", 100), ("64KiB", 65536), ("100MB", 100_000_000), ("1 GiB", 1 << 30), ("3kB", 3000)],
)
def test_sizes(text: str, expected: int) -> None:
    assert size_in_bytes(text) == expected


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (30, '30 is not a duration: say the unit, for example "30s"'),
        ("30", '"30" is not a duration: say the unit, for example "30s"'),
        ("soon", '"soon" is not a duration: write for example "30s" or "5m"'),
        ("-3s", '"-3s" is not a duration: write for example "30s" or "5m"'),
        ("3S", '"3S" is not a duration: write for example "30s" or "5m"'),
        (True, 'true is not a duration: write for example "30s" or "5m"'),
    ],
)
def test_what_is_no_duration_is_told_how_to_be_one(value: Any, hint: str) -> None:
    with pytest.raises(ValueError, match="not a duration") as caught:
        seconds(value)
    assert str(caught.value) == hint


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (100, '100 is not a size: say the unit, for example "100MB"'),
        ("100 Mb", '"100 Mb" is not a size: write for example "30MB" or "64KiB"'),
    ],
)
def test_what_is_no_size_is_told_how_to_be_one(value: Any, hint: str) -> None:
    with pytest.raises(ValueError, match="not a size") as caught:
        size_in_bytes(value)
    assert str(caught.value) == hint
