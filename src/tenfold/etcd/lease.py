"""Being the one who does something, for as long as a lease is kept.

Whoever makes a key that was not there, bound to a lease, holds it until the lease is not kept any
more. The revision at which the key was made is the *fencing token*: a later holder has a higher
one, and a write on the condition :attr:`Holding.condition` fails once the key has another holder.
So a holder that was paused, and does not know yet that it is none, can change nothing in etcd; for
what it does elsewhere it has to ask :meth:`Holding.lasts` before, or hand the token along.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tenfold.etcd.client import Client
from tenfold.etcd.faults import EtcdError
from tenfold.etcd.values import Compare, Put, Range, created_at
from tenfold.etcd.values import absent as is_absent

MARGIN: Final = 0.2
"""Of a lease's time: for so long nobody holds it, for clocks that do not go at the same speed."""
KEEPS: Final = 3
"""How often it is kept within its time."""


def boot_seconds() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Holding:
    """That we hold a key.

    Attributes:
        key: the one that is held.
        holder: who we are.
        token: the fencing token.
        lease: the lease's id.
        until: when it has to be given up if it could not be kept, by :func:`boot_seconds`.
    """

    key: str
    holder: str
    token: int
    lease: int
    until: float

    @property
    def condition(self) -> Compare:
        """Holds in a transaction as long as we hold the key."""
        return created_at(self.key, self.token)

    def lasts(self, now: float) -> bool:
        """Whether nobody else can hold it yet, at this time of :func:`boot_seconds`."""
        return now < self.until


class Lease:
    """Acquires one key, keeps it, and gives it up. For one thread.

    Args:
        client: of etcd. A call must not take longer than the lease: :func:`tenfold.etcd.Client`
            is given ``within`` for that.
        key: what is to be held.
        holder: who wants it, as others are told.
        seconds: for how long nobody else gets it when it is not kept any more; at least 2.
        clock: see :func:`boot_seconds`.
    """

    def __init__(
        self,
        client: Client,
        key: str,
        holder: str,
        *,
        seconds: int,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        self._client = client
        self._key = key
        self._holder = holder
        self._seconds = seconds
        self._clock = clock
        self._holding: Holding | None = None
        self._kept_at = 0.0

    @property
    def holding(self) -> Holding | None:
        """What we hold now; ``None`` as soon as somebody else might."""
        found = self._holding
        return found if found is not None and found.lasts(self._clock()) else None

    @property
    def every_seconds(self) -> float:
        """How often :meth:`step` is to be called."""
        return self._seconds / KEEPS / 2

    def step(self) -> Holding | None:
        """Keep what we hold, or try to get it; gives what we hold then. To be called again and
        again; when etcd is silent, what was held runs out."""
        try:
            if self._holding is None:
                self._holding = self._acquired()
            elif self._clock() - self._kept_at >= self._seconds / KEEPS:
                self._holding = self._kept(self._holding)
        except EtcdError as error:
            if error.kind != "silent":
                raise
            if self.holding is None:
                self._holding = None
        return self.holding

    def give_up(self) -> None:
        """Let others have it at once; fine if it is not held. If etcd is silent it runs out."""
        held, self._holding = self._holding, None
        if held is not None:
            try:
                self._client.revoke(held.lease)
            except EtcdError as error:
                if error.kind != "silent":
                    raise

    def holder(self) -> str | None:
        """Who holds it now. Raises ``EtcdError``."""
        found = self._client.get(self._key)
        return found.value.decode() if found is not None else None

    def _acquired(self) -> Holding | None:
        if self._client.get(self._key) is not None:
            return None
        lease = secrets.randbits(62) + 1
        asked = self._clock()
        self._client.grant(lease, self._seconds)
        put = Put(self._key, self._holder.encode(), lease)
        done = self._client.transact([is_absent(self._key)], [put], [Range(self._key)])
        found = done.found[0] if done.found else ()
        if done.held:
            token = done.revision
        elif found and found[0].lease == lease:  # the first time we asked we did not hear of it
            token = found[0].created
        else:
            self._client.revoke(lease)
            return None
        self._kept_at = asked
        return Holding(self._key, self._holder, token, lease, self._until(asked, self._seconds))

    def _kept(self, held: Holding) -> Holding | None:
        asked = self._clock()
        left = self._client.keep(held.lease)
        if not left:
            return None
        self._kept_at = asked
        return Holding(held.key, held.holder, held.token, held.lease, self._until(asked, left))

    def _until(self, asked: float, seconds: float) -> float:
        return asked + seconds * (1 - MARGIN)
