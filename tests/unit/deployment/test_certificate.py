"""How the certificate stands, in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tenfold.certificates.state import Fault, State
from tenfold.deployment.certificate import certificate

DAY = 86_400.0
NOW = 1_800_000_000.0
WELL = State(
    authority="https://ca.example/dir",
    names=("a.org", "www.a.org"),
    issuer="CN=R1",
    not_before=NOW - 30 * DAY,
    not_after=NOW + 60 * DAY,
)
DOWN = Fault("authority", "https://ca.example/dir does not answer", "wait")


def told(state: State, now: float = NOW) -> str:
    return "\n".join(certificate(state, now).sentences())


def test_well() -> None:
    found = certificate(WELL, NOW)
    assert found.sentences() == ("certificate from CN=R1, good for 60 days, renewed in 30 days",)
    assert not found.urgent
    assert found.to_json()["problem"] is None
    assert found.to_json()["days_left"] == 60
    assert (found.to_json()["kind"], found.to_json()["urgent"]) == ("automatic", False)


def test_a_renewal_that_fails_is_told_while_there_is_time() -> None:
    found = certificate(WELL.failed(DOWN, NOW - 7300).failed(DOWN, NOW - 7200), NOW)
    assert found.urgent
    assert found.sentences() == (
        "certificate from CN=R1, good for 60 days",
        "getting another failed 2 times, 2 hours ago: https://ca.example/dir does not answer",
        "wait",
    )


@pytest.mark.parametrize(
    ("after_days", "words"),
    [
        (58.5, "good for 36 hours"),
        (59.97, "good for 43 minutes"),
        (63, "of a.org ended 3 days ago"),
    ],
)
def test_near_the_end_and_past_it(after_days: float, words: str) -> None:
    found = certificate(WELL.failed(DOWN, NOW), NOW + after_days * DAY)
    assert words in found.sentences()[0]
    assert found.urgent


def test_before_the_first_one() -> None:
    state = replace(WELL, authority="", issuer="")
    assert certificate(state, NOW).self_signed
    assert told(state).splitlines() == [
        "the certificate of a.org is self-signed: browsers warn",
        "another one is ordered in a moment: tenfold certificate tells how it goes",
    ]
    assert told(state.begun(NOW)).splitlines()[1] == "another one is being ordered right now"
    assert certificate(state.begun(NOW), NOW).failures == 0
    assert "getting another failed once" in told(state.failed(DOWN, NOW - 60))
