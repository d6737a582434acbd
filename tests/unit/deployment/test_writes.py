"""Where writes go, in words, for somebody whose command was refused."""

from __future__ import annotations

from typing import Any

import pytest

from tenfold.deployment import writes
from tenfold.errors import Locked, Refused, StepFailed
from tenfold.topology.databases import ObservedDatabase, Role

RUNS = True


def seen(vm1: tuple[Role, bool], db1: tuple[Role, bool]) -> str | None:
    paths = ("vm1/postgres", "db1/postgres")
    found = zip(paths, (vm1, db1), strict=True)
    return writes.sentence({p: ObservedDatabase(p, role, runs) for p, (role, runs) in found})


@pytest.mark.parametrize(
    ("vm1", "db1", "told"),
    [
        (("leader", RUNS), ("absent", False), "writes go to vm1/postgres"),
        (("leader", RUNS), ("unknown", False), "writes go to vm1/postgres"),
        (("fenced", False), ("leader", RUNS), "writes go to db1/postgres"),
        (
            ("leader", False),
            ("follower", RUNS),
            "writes wait for vm1/postgres, which leads and does not run",
        ),
        (
            ("fenced", False),
            ("follower", RUNS),
            "no database takes writes: vm1/postgres was fenced, and no other one leads yet",
        ),
        (("fenced", False), ("unknown", False), None),
        (("leader", RUNS), ("leader", RUNS), None),
        (("absent", False), ("absent", False), None),
    ],
)
def test_it_is_said_if_it_is_known(
    vm1: tuple[Role, bool], db1: tuple[Role, bool], told: str | None
) -> None:
    assert seen(vm1, db1) == told


def test_what_is_refused_says_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    deployment: Any = None
    monkeypatch.setattr(writes, "where", lambda _: "writes go to vm1/postgres")

    def changed(error: Refused | StepFailed) -> str | None:
        with pytest.raises(type(error)), writes.told(deployment):
            raise error
        return error.changed

    assert changed(Locked("grow is at work")) == "nothing; writes go to vm1/postgres"
    assert changed(Refused("no", changed="nothing")) == "nothing; writes go to vm1/postgres"
    assert changed(Refused("no", changed="much")) == "much"
    assert changed(StepFailed("no")) is None
    monkeypatch.setattr(writes, "where", lambda _: None)
    assert changed(Refused("no")) is None
