"""What a disk says of its database."""

from __future__ import annotations

import pytest

from tenfold.deployment.databases import role
from tenfold.engines.postgresql.disk import DiskState, Signal
from tenfold.topology.databases import Role


@pytest.mark.parametrize(
    ("signal", "told", "told_where_patroni_was"),
    [
        ("none", "leader", "leader"),
        ("fenced", "fenced", "fenced"),
        ("follows", "follower", "follower"),
        ("empty", "fenced", "follower"),
        ("other", "follower", "follower"),
    ],
)
def test_a_file_without_a_word_is_a_fence_unless_patroni_wrote_it(
    signal: Signal, told: Role, told_where_patroni_was: Role
) -> None:
    state = DiskState(True, signal, "shut down", "0/1", "0/1", 1, "7", None, 0)
    assert role(state, clustered=False) == told
    assert role(state, clustered=True) == told_where_patroni_was
