"""In which order everything is stopped where the journal is in etcd."""

from __future__ import annotations

from tenfold.deployment.deployment import etcd_last
from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit
from tenfold.transitions.steps import StopHost


def test_what_has_to_be_written_down_is_before_etcd_stops() -> None:
    etcd, app = ObservedUnit("etcd", "etcd", "running"), ObservedUnit("app", "uvicorn", "running")
    now = Observation(
        hosts=(
            ObservedHost("db1", "", "running", units=(etcd,)),
            ObservedHost("app1", "", "running", units=(app,)),
            ObservedHost("arbiter", "", "running", units=(etcd,)),
        )
    )
    steps = tuple(map(StopHost, ("db1", "app1", "arbiter")))
    assert etcd_last(now, steps) == ((steps[1],), (steps[0], steps[2]))
