"""That the cluster which other tests use is one: it elects, and survives who leads."""

from __future__ import annotations

import pytest
from tests.support.etcd import running

pytestmark = pytest.mark.engine


def test_another_member_leads_when_the_leader_is_killed_and_it_comes_back() -> None:
    with running() as cluster:
        killed = cluster.leader()
        killed.kill()
        cluster.wait_ready()
        assert cluster.leader() is not killed
        cluster.start()
        assert len(cluster.followers()) == 2
