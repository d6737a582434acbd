from __future__ import annotations

from tenfold.spec.later import COMES
from tenfold.stages import BUILT, STAGES


def test_no_key_is_said_to_come_with_a_stage_that_is_there() -> None:
    told = [when.removeprefix("comes with stage ") for when in COMES.values() if "stage" in when]
    assert told
    assert set(told) <= set(STAGES) - set(BUILT)
