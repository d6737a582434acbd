from __future__ import annotations

import asyncio

import pytest

from tenfold.agent.waiting import TooLate, wait_for


async def test_it_returns_as_soon_as_the_condition_holds() -> None:
    answers = iter([False, False, True])
    await wait_for(lambda: next(answers), within_seconds=10, subject="three")
    assert list(answers) == []


async def test_what_was_waited_for_is_named() -> None:
    with pytest.raises(TooLate, match=r"waited 0\.05 s for db to be ready"):
        await wait_for(lambda: False, within_seconds=0.05, subject="db to be ready")


async def test_a_condition_may_have_to_be_awaited() -> None:
    async def holds() -> bool:
        await asyncio.sleep(0)
        return True

    await wait_for(holds, within_seconds=0, subject="anything")
