"""What the keeper remembers, also when the disk does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tenfold.certificates.deciding import next_attempt
from tenfold.certificates.state import Fault, State, digest, from_json, load, save

FULL = State(
    authority="https://ca.example/dir",
    names=("a.org",),
    file="f",
    issuer="CN=R1",
    serial="1f",
    not_before=1.0,
    not_after=2.0,
    orders=(0.5,),
).failed(Fault("authority", "down", "wait", 60), 1.5)


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    save(tmp_path / "state.json", FULL)
    assert load(tmp_path / "state.json", 9.0) == FULL
    assert (tmp_path / "state.json").stat().st_mode & 0o777 == 0o600
    assert "\n" not in (tmp_path / "state.json").read_text()  # a host's last lines are few


def test_at_first_there_is_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "state.json", 9.0) == State()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99}', '{"format": 1}'])
def test_what_cannot_be_read_counts_as_a_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    found = load(tmp_path / "state.json", 1000.0)
    assert found.fault["kind"] == "own"
    assert next_attempt(found, ("a.org",), "https://ca.example/dir", 1000.0, 0.5) > 1000.0


def test_a_failure_is_counted_and_told(tmp_path: Path) -> None:
    assert (FULL.failures, FULL.last_attempt, FULL.wait_until) == (1, 1.5, 61.5)
    assert FULL.failed(Fault("own", "x"), 3.0).failures == 2
    assert from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_a_file_that_is_not_there_has_no_digest(tmp_path: Path) -> None:
    assert digest(tmp_path / "none") == ""
    (tmp_path / "one").write_text("x")
    assert digest(tmp_path / "one")


def test_an_attempt_counts_as_failed_until_it_is_over() -> None:
    begun = FULL.begun(10.0)
    assert (begun.trying, begun.failures, begun.fault) == (True, 2, FULL.fault)
    cut = begun.cut_off()
    assert (cut.trying, cut.failures, cut.last_attempt) == (False, 2, 10.0)
    assert cut.fault["what"] == "an attempt was cut off"
    assert FULL.cut_off() == FULL
