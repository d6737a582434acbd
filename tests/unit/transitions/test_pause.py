"""A command stops where it was asked to, once at each point, and says where it stands."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tenfold.transitions import pause


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that were sent instead of being stopped."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
    monkeypatch.setattr(pause, "_left", set())
    return sent


def test_at_every_point_that_was_asked_for_it_stops_once_and_says_where(
    stops: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "stopped"
    monkeypatch.setenv(pause.VARIABLE, "Hold.before,Fence.after")
    monkeypatch.setenv(pause.FILE, str(told))
    for step in ("Settle", "Hold", "Fence", "Hold", "Fence"):
        pause.stop_point(f"{step}.before")
        pause.stop_point(f"{step}.after")
    assert stops == [signal.SIGSTOP] * 2
    assert told.read_text().split() == ["Hold.before", "Fence.after"]
    assert pause.VARIABLE not in os.environ, "whoever is started from here does not stop"


def test_without_being_asked_it_goes_on(stops: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(pause.VARIABLE, raising=False)
    pause.stop_point("Hold.before")
    assert stops == []
