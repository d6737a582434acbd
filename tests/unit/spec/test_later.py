from __future__ import annotations

import re

from tenfold.spec.later import COMES, OF_1K
from tenfold.stages import BUILT, STAGES


def test_no_key_is_said_to_come_with_a_stage_that_is_there() -> None:
    told = {path: re.sub(r".* stage (\w+).*", r"\1", when) for path, when in COMES.items()}
    assert set(told.values()) <= set(STAGES)
    there = {path for path, stage in told.items() if stage in BUILT}
    assert {COMES[path] for path in there} <= {f"comes {OF_1K}"}
