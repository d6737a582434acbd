"""Which command may still give orders: the one whose epoch is the highest that was claimed.

A command that was stopped, or whose machine slept, goes on where it was when it wakes up, and knows
nothing of the one that has taken over since. So each carries an epoch, the later one the higher,
and claims it before its first change. From then on the agent refuses changes by lower ones, also
after it was itself replaced. Whoever carries none is not checked: everyday commands, which keep a
lock instead.

The check is made when an order begins, so a claim waits for those that have begun before. ``run``
is ended instead, since its command belongs to its caller, and so is what only waits. A handover is
not waited for to its end but until it is decided who accepts; the rest is draining, with which the
agent would go on whatever became of the caller.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tenfold.agent.diary import say
from tenfold.agent.store import Corrupt, Store
from tenfold.errors import StepFailed, Superseded

RECORD = ("agent", "epoch")
CLAIM_SECONDS = 30.0


@dataclass(frozen=True, eq=False, slots=True)
class _UnderWay:
    order: str
    epoch: int
    task: asyncio.Task[Any]


class Epochs:
    """The highest epoch that was claimed on this host, and the orders that carry one."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: set[_UnderWay] = set()
        self._highest = self._remembered()

    def require(self, epoch: int | None) -> None:
        """Raises ``StepFailed`` when a higher one was claimed."""
        if epoch is not None and epoch < self._highest:
            raise superseded()

    def permit(self, epoch: int | None) -> Callable[[], None]:
        """What raises ``StepFailed`` from the moment on when this epoch is superseded."""
        return lambda: self.require(epoch)

    @contextlib.contextmanager
    def carrying(self, order: str, epoch: int | None) -> Iterator[None]:
        """An order is under way, in the current task.

        Raises:
            StepFailed: it may not begin, or a claim has ended it.
        """
        self.require(epoch)
        task = asyncio.current_task()
        if epoch is None or task is None:
            yield
            return
        entry = _UnderWay(order, epoch, task)
        self._under_way.add(entry)
        try:
            yield
        except asyncio.CancelledError:
            if epoch < self._highest:
                raise superseded() from None
            raise
        finally:
            self._under_way.discard(entry)

    async def claim(self, epoch: int, ends_at_once: frozenset[str], exempt: frozenset[str]) -> None:
        """Supersede all lower epochs, and return when no order of theirs is under way.

        Args:
            epoch: the one that is claimed.
            ends_at_once: orders that are ended instead of waited for.
            exempt: orders that may go on.

        Raises:
            StepFailed: a higher one was claimed before, or an order takes longer than half a
                minute; then the epoch is claimed all the same.
        """
        self.require(epoch)
        if epoch > self._highest:
            self._store.write(*RECORD, {"epoch": epoch})
            self._highest = epoch
            say(f"epoch {epoch} is claimed")
        lower = [o for o in self._under_way if o.epoch < epoch and o.order not in exempt]
        for entry in lower:
            if entry.order in ends_at_once:
                entry.task.cancel()
        if lower:
            await asyncio.wait([entry.task for entry in lower], timeout=CLAIM_SECONDS)
        left = sorted(entry.order for entry in lower if not entry.task.done())
        if left:
            raise StepFailed(
                f"orders of an earlier command are still under way: {', '.join(left)}",
                changed="nothing by this command; the earlier one can give no more orders",
                next="give the command again",
            )

    def _remembered(self) -> int:
        try:
            return int((self._store.read(*RECORD) or {}).get("epoch", 0))
        except Corrupt as fault:
            say(f"{fault.what}: no epoch is claimed now")
        except (ValueError, TypeError) as fault:
            say(self._store.set_aside(*RECORD, str(fault)).what)
        return 0


def superseded() -> Superseded:
    """The error for a command that has been replaced by another one."""
    return Superseded(
        "another command has taken over this deployment meanwhile",
        changed="nothing more by this one",
        next="tenfold status",
    )
