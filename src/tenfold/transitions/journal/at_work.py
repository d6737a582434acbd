"""Who is at work on a deployment whose journal is in etcd: one command, wherever it was given.

The lock in the project's folder keeps commands of that folder apart; this one those of several
folders, on however many machines. It is a courtesy: who has lost it, because it was paused, say,
is kept from doing harm by the journal's epoch, not by this.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import asdict, dataclass
from typing import Final

from tenfold.errors import Locked
from tenfold.etcd import Client, Delete, EtcdError, Lease, unchanged
from tenfold.state.lock import Holder

SECONDS: Final = 15
"""For so long a command that was killed keeps those of other folders away; longer than one question
to etcd may take."""
AGAIN_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Worker:
    """A command that is at work: who gave it, and from which folder of which machine, since that
    was started (``boot``)."""

    holder: Holder
    machine: str
    boot: str
    folder: str

    def encoded(self) -> str:
        """As it is stored."""
        return json.dumps(asdict(self))

    @property
    def sentence(self) -> str:
        """Who that is, for whoever is kept away."""
        held = self.holder
        return f"{held.reason} is at work from {self.folder} on {self.machine} ({held.user})"

    def is_beside(self, other: Worker) -> bool:
        """Whether both are of one folder, of which the folder's own lock lets only one work."""
        return (self.boot, self.folder) == (other.boot, other.folder)

    def may_be_gone(self, other: Worker) -> bool:
        """Whether it may have ended with its machine, which was started again since."""
        return (self.machine, self.folder) == (other.machine, other.folder)


def decoded(data: bytes) -> Worker | None:
    """What :meth:`Worker.encoded` made; ``None`` if a later Tenfold says it otherwise."""
    try:
        told = json.loads(data)
        return Worker(**{**told, "holder": Holder(**told["holder"])})
    except (ValueError, KeyError, TypeError):
        return None


def key_of(prefix: str) -> str:
    """The key of whoever is at work; not below the journal's own, which a copy replaces."""
    return f"{prefix}-at-work"


class AtWork:
    """That this command is at work, kept by a thread of its own until :meth:`close`.

    Args:
        client: of etcd; closed with this.
        prefix: of the journal.
        worker: who we are.
        seconds: see ``SECONDS``.

    Raises:
        Locked: another folder's command is.
        EtcdError: nobody knows.
    """

    def __init__(
        self, client: Client, prefix: str, worker: Worker, *, seconds: int = SECONDS
    ) -> None:
        self._client = client
        self._key = key_of(prefix)
        self._lease = Lease(client, self._key, worker.encoded(), seconds=seconds)
        self._over = threading.Event()
        try:
            self._take(worker, seconds)
        except BaseException:
            client.close()
            raise
        self._thread = threading.Thread(target=self._keep, name="at work", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let others work at once; if etcd is silent, once the lease is over."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(EtcdError):
            self._lease.give_up()
        self._client.close()

    def _take(self, worker: Worker, seconds: int) -> None:
        deadline = time.monotonic() + seconds + self._client.within
        while self._lease.step() is None:
            found = self._client.get(self._key)
            held = None if found is None else decoded(found.value)
            if found is not None and held is not None and held.is_beside(worker):
                # It was killed: it works no more, or the folder's lock had kept us away.
                gone = [unchanged(self._key, found.revision)]
                self._client.transact(gone, [Delete(self._key)])
                continue
            waits = found is None or (held is not None and held.may_be_gone(worker))
            if not waits or time.monotonic() > deadline:
                raise _locked(held)
            time.sleep(AGAIN_SECONDS)

    def _keep(self) -> None:
        while not self._over.wait(self._lease.every_seconds):
            with contextlib.suppress(EtcdError):  # it runs out, and the epoch is there
                self._lease.step()


def worker_in(client: Client, prefix: str) -> Worker | None:
    """Who is at work now. Raises ``EtcdError``."""
    found = client.get(key_of(prefix))
    return None if found is None else decoded(found.value)


def _locked(worker: Worker | None) -> Locked:
    who = "another command is at work" if worker is None else worker.sentence
    return Locked(who, changed="nothing", next="wait for it, or look with  tenfold lock")
