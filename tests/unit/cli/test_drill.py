"""``tenfold drill``: what is typed wrong is told before anything is looked at."""

from __future__ import annotations

import pytest

from tenfold.cli.drill import length
from tenfold.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20.0), ("2m", 120.0), ("15000ms", 15.0), ("1.5m", 90.0)]
)
def test_a_length_is_read(text: str, seconds: float) -> None:
    assert length(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "soon", "-5s", "11m", "20", "20 minutes", "1h"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"from 1s to 10m|is not a duration"):
        length(text)
