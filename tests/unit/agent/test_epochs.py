from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tenfold.agent import epochs
from tenfold.agent.epochs import Epochs
from tenfold.agent.store import Store
from tenfold.errors import StepFailed

NONE: frozenset[str] = frozenset()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


class Order:
    """An order that is under way until it is told to end."""

    def __init__(self, kept: Epochs, name: str, epoch: int | None) -> None:
        self.go = asyncio.Event()
        self.begun = asyncio.Event()
        self.task = asyncio.create_task(self._work(kept, name, epoch))

    async def _work(self, kept: Epochs, name: str, epoch: int | None) -> None:
        with kept.carrying(name, epoch):
            self.begun.set()
            await self.go.wait()


async def under_way(kept: Epochs, name: str, epoch: int | None) -> Order:
    order = Order(kept, name, epoch)
    await order.begun.wait()
    return order


async def test_lower_epochs_are_refused_and_higher_ones_and_none_are_not(store: Store) -> None:
    kept = Epochs(store)
    await kept.claim(5, NONE, NONE)
    for epoch in (5, 6, None):
        kept.require(epoch)
    with pytest.raises(StepFailed, match="another command has taken over") as refusal:
        kept.require(4)
    assert refusal.value.next == "tenfold status"


async def test_what_was_claimed_is_known_to_a_successor(store: Store) -> None:
    await Epochs(store).claim(5, NONE, NONE)
    with pytest.raises(StepFailed):
        await Epochs(store).claim(4, NONE, NONE)
    await Epochs(store).claim(5, NONE, NONE)


async def test_a_claim_waits_for_orders_of_lower_epochs_only(store: Store) -> None:
    kept = Epochs(store)
    lower = await under_way(kept, "start", 4)
    others = [await under_way(kept, "start", epoch) for epoch in (5, None)]
    claim = asyncio.create_task(kept.claim(5, NONE, NONE))
    await asyncio.sleep(0)
    assert not claim.done()
    lower.go.set()
    await claim
    for order in others:
        assert not order.task.done()
        order.go.set()
        await order.task


async def test_what_begins_while_a_claim_waits_is_refused(store: Store) -> None:
    kept = Epochs(store)
    lower = await under_way(kept, "start", 4)
    claim = asyncio.create_task(kept.claim(5, NONE, NONE))
    await asyncio.sleep(0)
    with pytest.raises(StepFailed, match="another command has taken over"):
        await Order(kept, "start", 4).task
    lower.go.set()
    await claim


async def test_what_ends_with_its_caller_is_ended_and_says_why(store: Store) -> None:
    kept = Epochs(store)
    lower = await under_way(kept, "run", 4)
    await kept.claim(5, frozenset({"run"}), NONE)
    with pytest.raises(StepFailed, match="another command has taken over"):
        await lower.task


async def test_an_order_whose_caller_hangs_up_is_only_cancelled(store: Store) -> None:
    kept = Epochs(store)
    order = await under_way(kept, "run", 4)
    order.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await order.task


async def test_what_goes_on_by_itself_is_not_waited_for(store: Store) -> None:
    kept = Epochs(store)
    lower = await under_way(kept, "handover", 4)
    await kept.claim(5, NONE, frozenset({"handover"}))
    assert not lower.task.done()
    lower.go.set()
    await lower.task


async def test_an_order_that_does_not_end_is_named_and_the_epoch_is_claimed_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "CLAIM_SECONDS", 0.05)
    kept = Epochs(store)
    lower = await under_way(kept, "start", 4)
    with pytest.raises(StepFailed, match="still under way: start"):
        await kept.claim(5, NONE, NONE)
    with pytest.raises(StepFailed):
        kept.require(4)
    lower.go.set()
    await lower.task
    await kept.claim(5, NONE, NONE)


@pytest.mark.parametrize("content", ["{", '{"epoch": "x"}', "[]"])
async def test_an_unreadable_epoch_is_set_aside(store: Store, tmp_path: Path, content: str) -> None:
    await Epochs(store).claim(5, NONE, NONE)
    (tmp_path / "agent/epoch.json").write_text(content)
    kept = Epochs(store)
    kept.require(1)
    assert (tmp_path / "agent/epoch.json.unreadable").exists()
