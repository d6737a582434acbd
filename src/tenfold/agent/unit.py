"""One unit: brought up, watched, started again, drained, ended.

A unit that shall run has one task, its *life*, which alone brings it up and watches it; orders set
the declaration and wait for the outcome of an attempt. Whatever the life does is durable before it
happens, so that a successor can go on from the record.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tenfold.agent import backoff, entrusting, launching, probe, resting, serving
from tenfold.agent.attempt import Attempt
from tenfold.agent.bound import Bound
from tenfold.agent.builds import is_replaced
from tenfold.agent.context import Context, Surroundings, environment
from tenfold.agent.control import NoAnswer
from tenfold.agent.diary import say
from tenfold.agent.failure import LOG_LINES
from tenfold.agent.handle import Process
from tenfold.agent.logs import lines_since
from tenfold.agent.readiness import until_ready
from tenfold.agent.record import FOLDER, UnitRecord
from tenfold.agent.waiting import TooLate
from tenfold.errors import Refused, TargetError, TenfoldError, UnitFailed
from tenfold.topology.observation import ObservedUnit, UnitState
from tenfold.topology.process import UnitOrder


class Forgotten(Exception):
    """The unit is not part of the host any more; whoever wants it makes it anew."""


class Unit:
    """A declared unit and its process."""

    def __init__(self, context: Context, record: UnitRecord, surroundings: Surroundings) -> None:
        self.context = context
        self.record = record
        self.declared = False
        self.forgotten = False
        self.state: UnitState = "stopped"
        self.reason: str | None = None
        self.process: Process | None = None
        self.log_mark = 0
        self._since = time.time()
        self._surroundings = surroundings
        self._order_lock = asyncio.Lock()
        self._place_lock = asyncio.Lock()  # Whoever has it makes the worker accept or hold.
        self._life: asyncio.Task[None] | None = None
        self._attempt = Attempt()
        self._kick = asyncio.Event()
        self._crashes = 0
        self._trust = backoff.Trust()

    # What is known of it

    @property
    def name(self) -> str:
        """Unique on the host."""
        return self.record.order.name

    @property
    def order(self) -> UnitOrder:
        """Its declaration."""
        return self.record.order

    @property
    def may_accept(self) -> bool:
        """Whether it is ready, or was and will be again by itself."""
        return self.is_ready or self.record.accepting

    @property
    def works(self) -> bool:
        """Whether it runs, or is to."""
        alive = self.process is not None and not self.process.is_over
        return alive or (self.declared and not self.record.resting)

    @property
    def is_ready(self) -> bool:
        """Whether it runs and has answered its probe."""
        return self.state in ("warm", "running", "holding")

    def observed(self) -> ObservedUnit:
        """As it is now; one that crashes again and again does not count as running in between."""
        order = self.order
        runs = self.state in ("warm", "running")
        doubt = self._trust.doubt(time.monotonic()) if runs else None
        return ObservedUnit(
            name=order.name,
            engine=order.engine,
            state=self.state if doubt is None else "backoff",
            pid=None if self.process is None or self.process.is_over else self.process.pid,
            endpoint=order.endpoint,
            pool=order.pool,
            generation=order.generation,
            release=order.release,
            restarts=self.record.restarts,
            since=self._since,
            reason=self.reason if doubt is None else doubt,
            fingerprint=order.fingerprint,
            rests_until=resting.until(self.record),
            program=order.launch.argv[0],
            programs=order.launch.programs,
            replaced=self._is_replaced(),
        )

    def _is_replaced(self) -> bool:
        process, launch, record = self.process, self.order.launch, self.record
        if process is None or process.is_over:
            return False
        if record.superseded or any(is_replaced(b, p, {}) for p, b in record.builds.items()):
            return True
        program = launch.argv[0]
        env = {} if "/" in program else environment(launch.env)  # a path is not looked for
        return is_replaced(record.build, program, env)

    # Orders

    async def start(self, order: UnitOrder) -> None:
        """Have it run with this declaration, and return when it is ready.

        Raises:
            UnitFailed: the attempt that was under way, or was begun by this order, failed.
            TargetError: the declaration could not be kept; then nothing has changed.
            Forgotten: it was stopped or drained meanwhile, and is not this host's any more.
        """
        async with self._order_lock:
            if self.forgotten:
                raise Forgotten
            alive = self._life is not None and not self._life.done()
            if not alive or self.state == "draining" or self._is_other_than(order):
                await self._begin_anew(order)
            elif order != self.order:
                other = launching.runs_otherwise(order.launch, self.order.launch)
                self.remember(order=order, superseded=self.record.superseded or other)
            self._trust.renew()
            if self.is_ready:
                return
            self._kick.set()
            attempt = self._attempt
        await attempt.outcome()

    def _is_other_than(self, order: UnitOrder) -> bool:
        unwanted = self.process is not None and self.process.pid == order.instead_of
        lasts = order.launch.lasts and self.order.launch.lasts
        return unwanted or (order.launch != self.order.launch and not lasts)

    async def entrust(self, order: UnitOrder) -> None:
        """Have it run with a declaration whose process looks after the server that runs now.

        Raises:
            UnitFailed: that process does not come up; the server runs on.
            TargetError: the declaration could not be kept; then nothing has changed.
            Forgotten: see :meth:`start`.
        """
        async with self._order_lock:
            if await self._is_to_change(order):
                entrusting.entrust(self, order)
        await self.start(order)

    async def take_back(self, order: UnitOrder, server: str, within_seconds: float) -> None:
        """Have it be the server that its process looks after, which leaves.

        Raises:
            StepFailed: it does not leave; everything is as before.
            UnitFailed: the server does not answer.
            TargetError: the declaration could not be kept; then nothing has changed.
            Forgotten: see :meth:`start`.
        """
        async with self._order_lock:
            if await self._is_to_change(order):
                await entrusting.take_back(self, order, server, within_seconds)
        await self.start(order)

    async def _is_to_change(self, order: UnitOrder) -> bool:
        """Whether this is another declaration; then whoever waits for the present one is told.

        Raises:
            Forgotten: see :meth:`start`.
        """
        if self.forgotten:
            raise Forgotten
        if order.launch == self.order.launch:
            return False
        await self._end_life(UnitFailed(f"{self.name} was declared anew meanwhile"))
        return True

    async def stop(self, within_seconds: float | None = None) -> None:
        """End it in order; whoever waits for it to become ready is told.

        Args:
            within_seconds: when to kill it at the latest, if that is before its own bound.
        """
        own = self.order.launch.stop.within_seconds
        within_seconds = own if within_seconds is None else min(own, within_seconds)
        if self.state == "draining" and self.process is not None:
            await self._end(self.process, within_seconds)  # Whoever drains it sees its end.
        async with self._order_lock:
            await self._end_life(UnitFailed(f"{self.name} was stopped meanwhile"))
            self._set("stopping")
            await self._end_process(within_seconds)
            await entrusting.end(self, within_seconds)
            self._set("stopped")

    async def reload(self) -> None:
        """Have it reread its files, and return when it answers its probe again.

        Raises:
            Refused: its engine cannot do that.
            UnitFailed: it does not run, or no longer answers.
        """
        async with self._order_lock:
            number = self.order.launch.reload
            if number is None:
                raise Refused(f"{self.name} cannot reread its files while it runs")
            if self.process is None or not self.process.signal(signal.Signals[number]):
                raise UnitFailed(f"{self.name} does not run: {self.reason or self.state}")
            await self._answers(self.process)

    async def accept(self) -> None:
        """Have it accept, for the first time or again.

        Raises:
            UnitFailed: it is not ready.
            NoAnswer: its control socket does not answer.
        """
        async with self._place_lock:
            if not self.is_ready:
                raise UnitFailed(f"{self.name} is {self.state}: {self.reason or 'not ready yet'}")
            await self._accept()

    async def hold(self) -> None:
        """Have it stop to accept; one that comes up meanwhile does not begin to.

        Raises:
            Declined: it cannot.
            TargetError: it does not answer.
        """
        async with self._place_lock:
            # One that a predecessor of this agent started may accept before it has been asked.
            if self.record.ready and self.state in ("starting", "running", "holding"):
                await self._hold()

    async def release(self) -> None:
        """Have it accept if it has stopped to; one that comes up meanwhile does so by itself.

        Raises:
            UnitFailed: it does not.
            NoAnswer: its control socket does not answer.
        """
        async with self._place_lock:
            if self.state in ("running", "holding"):
                await self._accept()

    async def drain(self) -> str:
        """Have it finish its requests and end, by force past its bound; tells how it went."""
        async with self._order_lock:
            self.mark_leaving()
            await self._end_life(UnitFailed(f"{self.name} was replaced meanwhile"))
            self._set("draining")
            process = self.process
            if process is None or process.is_over:
                return "did not run"
            return await serving.leave(process, self.order.launch, self.record.drain_seconds())

    async def rest(
        self, within_seconds: float | None, *, kills: bool, lasts_seconds: float | None = None
    ) -> str:
        """Have it finish its jobs and end, and not run again before :meth:`wake`; tells how.

        It is told once, however often this is asked for.

        Args:
            within_seconds: how long to wait; by default its own bound.
            kills: whether it is killed then.
            lasts_seconds: how long it rests from now on, unless that is renewed.

        Raises:
            StepFailed: the time is up, and it is not to be killed: it rests when it ends.
        """
        async with self._order_lock:
            if not self.record.resting:
                bound = None if lasts_seconds is None else Bound.of(lasts_seconds)
                self.remember(resting=True, rest_bound=bound)
            else:
                self.keep_resting(lasts_seconds)
            if self.state == "resting":
                return "rests"
            if self._life is None or self._life.get_name() != resting.name(self):
                await self._end_life(UnitFailed(f"{self.name} is to rest"))
                self._life = resting.see_out(self)
            ending = self._life
        patience = (
            self.order.launch.stop.within_seconds if within_seconds is None else within_seconds
        )
        return await resting.ended(self, ending, patience, kills=kills)

    def keep_resting(self, within_seconds: float | None, *, anew: bool = False) -> None:
        """If it rests, have it go on for so long from now, or until it is woken.

        A rest that has no bound gets one only ``anew``: whoever took it away has a reason.
        """
        if self.record.resting and (anew or self.record.rest_bound is not None):
            self.remember(rest_bound=None if within_seconds is None else Bound.of(within_seconds))

    async def wake(self) -> None:
        """Have it run again; one that still finishes its jobs does so when it has ended.

        Raises:
            UnitFailed: it does not come up.
            StepFailed: of its kind there may not be two, and another one works.
        """
        attempt = await self.work_again()
        if attempt is not None and self.process is None:
            await attempt.outcome()

    async def work_again(self, only_if: Callable[[], bool] = lambda: True) -> Attempt | None:
        """The same without waiting for it; ``None`` if it does not rest, or is not to.

        Raises:
            StepFailed: of its kind there may not be two, and another one works.
        """
        async with self._order_lock:
            if not (self.record.resting and only_if()):
                return None
            self._surroundings.require_alone(self)
            self.remember(resting=False, rest_bound=None)
            await self._end_life(UnitFailed(f"{self.name} is to run again"))
            process = None if self.process is None or self.process.is_over else self.process
            self.resume(process)
            return self._attempt

    def tell_to_finish(self) -> None:
        """Send its process the signal by which it finishes and ends; once and for all."""
        process = self.process
        if process is None or process.is_over or self.is_told(process):
            return
        # Kept first: better never told, which a bound notices, than told twice.
        self.note(told=process.identity.nonce)
        process.signal(signal.Signals[self.order.launch.stop.signal])

    def is_told(self, process: Process) -> bool:
        """Whether this process has been told to finish and end."""
        return self.record.told == process.identity.nonce

    def is_at(self, state: UnitState, reason: str | None = None) -> None:
        """It is known to be in this state."""
        self._set(state, reason)

    def will_accept(self) -> None:
        """From now on its work is to accept, also after a crash; durable with the next record."""
        self.record = replace(self.record, accepting=True)

    def mark_leaving(self) -> None:
        """From now on it is to drain and end, whoever is its agent."""
        if not self.record.leaving:
            bound = Bound.of(self.order.launch.stop.within_seconds)
            self.remember(drain_until=bound.until, leaves_by=bound, accepting=False)

    def adopt_leaving(self, process: Process | None) -> None:
        """Take over a unit that was draining; :meth:`drain` goes on with it."""
        self.process = process
        self.declared = True
        self._set("draining")

    def adopt_resting(self, process: Process | None) -> None:
        """Take over a unit that rests, or is to when its process has ended."""
        self.process = process
        self.declared = True
        self._life = resting.see_out(self)

    def resume(self, process: Process | None) -> None:
        """Go on with it in an agent that has just begun, with the process if it still runs."""
        self.process = process
        self.declared = True
        self._set("starting")
        self._life = asyncio.create_task(self._live(adopted=process is not None), name=self.name)

    def remember(self, **changes: object) -> None:
        """Make a change durable, then have it. Raises ``TargetError`` and then has not."""
        record = replace(self.record, **changes)  # type: ignore[arg-type]
        self.context.store.write(FOLDER, self.name, record.to_json())
        self.record = record

    def note(self, **changes: object) -> None:
        """Have a change, durable if the disk takes it: a successor finds it out otherwise."""
        try:
            self.remember(**changes)
        except TargetError as fault:
            say(f"{self.name}: {fault}")
            self.record = replace(self.record, **changes)  # type: ignore[arg-type]

    # Its life

    async def _begin_anew(self, order: UnitOrder) -> None:
        self._surroundings.require_alone(self)
        spared = self.record.spared
        fresh = UnitRecord(
            order,
            process=self.record.process,
            stale=self.process is not None,
            spared=spared,
            builds=self.record.builds,
        )
        self.context.store.write(FOLDER, order.name, fresh.to_json())
        self.declared = True
        await self._end_life(UnitFailed(f"{self.name} was declared anew meanwhile"))
        await self._end_process(order.patience_seconds)
        if order.engine != self.order.engine:
            await entrusting.end(self, order.launch.stop.within_seconds)
        self.record = replace(fresh, process=None, stale=False)
        self.reason = None
        self._crashes = 0
        self.resume(None)

    async def _end_life(self, why: TenfoldError) -> None:
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life
            self._life = None
        self._attempt.finish(why)
        self._attempt = Attempt()

    async def _end_process(self, within_seconds: float | None = None) -> None:
        if self.process is not None:
            await self._end(self.process, within_seconds)
            self.process = None

    async def _end(self, process: Process, within_seconds: float | None) -> None:
        own = self.order.launch.stop.within_seconds
        bound = own if within_seconds is None else within_seconds
        if self.order.background:
            self.tell_to_finish()
            await serving.outlast(process, bound)
            return
        await serving.stop(process, self.order.launch, bound)

    async def _live(self, *, adopted: bool) -> None:
        while True:
            ready_at = None
            try:
                await self._bring_up(adopted=adopted)
                ready_at = time.monotonic()
                self._trust.is_up(ready_at)
                self._attempt.finish(None)
                if not await self._ran_out():
                    adopted, self._attempt = False, Attempt()
                    continue
            except Exception as fault:  # noqa: BLE001 - a supervisor outlives its own faults
                expected = fault if isinstance(fault, TenfoldError) else _unexpected(fault)
                await self._give_way(expected)
                self._attempt.finish(expected)
            adopted = False
            self._attempt = Attempt()
            healthy_seconds = 0.0 if ready_at is None else time.monotonic() - ready_at
            self._crashes = backoff.crashes_in_a_row(self._crashes, healthy_seconds)
            if ready_at is not None:
                self._trust.crashed(self._crashes, healthy_seconds, self.reason)
            await self._back_off()

    async def _bring_up(self, *, adopted: bool) -> None:
        if not adopted:
            self._set("starting", self.reason)
            await self._surroundings.wait_ready(self.name, self.order.after)
            await launching.launch(self)
        assert self.process is not None
        background = self.order.background
        pooled = self.order.pool is not None and not background
        if self.is_told(self.process):
            self._set("draining")
            if pooled:  # A predecessor was to kill it soon: it may be deaf, and hear no signal.
                await serving.outlast(self.process, serving.END_SECONDS)
            return
        known_ready = adopted and self.record.ready
        if not self.record.ready:
            await self._answers(self.process)
            self.note(ready=True, ever_ready=True)
        # Whoever was never given a place takes none: a worker that is only tried, for one.
        if self.order.launch.control is None or not (background or self.record.accepting):
            self._set("warm" if pooled else "running")
            return
        try:
            await self._take_place(fresh=not adopted)
        except (NoAnswer, TooLate) as silence:
            # That a command has it hold must be true. The keeper's hold tells it until it does.
            gated = self._surroundings.is_gated(self.name)
            if not known_ready or not (gated or isinstance(silence, NoAnswer)):
                raise
            # It served before this agent came, and may just be busy: no reason to end it.
            say(f"{self.name}: {silence}")
            self._set("running")

    async def _take_place(self, *, fresh: bool) -> None:
        async with self._place_lock:
            if not self._surroundings.is_held(self.name):
                await self._accept()
            elif fresh:
                self._set("holding")  # It has not begun to accept.
            else:
                await self._hold()

    async def _ran_out(self) -> bool:
        """Wait for its end; whether that came unasked."""
        assert self.process is not None
        process = self.process
        exit_ = await process.wait()
        if not self.is_told(process):
            self._crashed(str(exit_))
            return True
        self.process = None
        self.note(process=None, ready=False)
        return False

    async def _give_way(self, fault: TenfoldError) -> None:
        """An attempt failed: leave nothing of it behind."""
        if self.process is not None and not self.process.is_over:
            await self._end_process()
        self._crashed(fault.what)

    def _crashed(self, reason: str) -> None:
        say(f"{self.name}: {reason}")
        self.process = None
        self._set("backoff" if self.record.ever_ready else "failed", reason)
        self.note(process=None, ready=False, restarts=self.record.restarts + 1)

    async def _back_off(self) -> None:
        crashes = self._crashes if self.record.ever_ready else self._crashes + 1
        self._kick.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(backoff.delay_seconds(crashes)):
                await self._kick.wait()

    async def _answers(self, process: Process) -> None:
        """Wait until it answers its probe. Raises ``UnitFailed``."""
        launch = self.order.launch
        marker = self.context.marker(self.name, process.identity.nonce)
        subject = probe.Subject(launch.control, launch.cwd, environment(launch.env), marker)
        await until_ready(process, launch, subject, self._path, self._last_lines)

    async def _accept(self) -> None:
        path, process = self.order.launch.control, self.process
        if path is not None:
            await serving.accept(path, self._path)
        if process is None or process.is_over or process is not self.process:
            raise UnitFailed(f"{self._path} ended just when it accepted")
        self._set("running")

    async def _hold(self) -> None:
        path, process = self.order.launch.control, self.process
        assert path is not None, "only a unit with a control socket is held"
        try:
            await serving.hold(path, self._path, gate=self._surroundings.is_gated(self.name))
        except TenfoldError:
            if process is None or not await serving.ends(process, serving.OVER_SECONDS):
                raise
        if process is self.process and process is not None and not process.is_over:
            self._set("holding")  # Else it has ended, and comes back holding.

    @property
    def _path(self) -> str:
        return f"{self.name} on {self.context.host}"

    def _last_lines(self) -> list[str]:
        return lines_since(self.log, self.log_mark, LOG_LINES)

    @property
    def log(self) -> Path:
        """Its log."""
        return self.context.log(self.name)

    def _set(self, state: UnitState, reason: str | None = None) -> None:
        if state != self.state:
            self._since = time.time()
        self.state = state
        self.reason = reason


def _unexpected(fault: Exception) -> TargetError:
    say("".join(traceback.format_exception(fault)))
    return TargetError(f"the agent failed at this unit: {type(fault).__name__}: {fault}")
