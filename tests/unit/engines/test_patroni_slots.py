from __future__ import annotations

import pytest
from patroni.dcs import slot_name_from_member_name

from tenfold.engines.patroni.dynamic import member_slot


@pytest.mark.parametrize("member", ["db1", "DB-1.example", "db_2", "dätenbank", "x" * 80])
def test_slots_are_called_as_patroni_calls_them(member: str) -> None:
    assert member_slot(member) == slot_name_from_member_name(member)
