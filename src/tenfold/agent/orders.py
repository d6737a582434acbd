"""From a request on the wire to a call on the host, and its outcome back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from tenfold import __version__
from tenfold.agent.held import COMMAND
from tenfold.agent.host import Host
from tenfold.agent.refreshing import refresh
from tenfold.agent.wire import PROTOCOL, from_wire, to_wire
from tenfold.errors import Refused, TargetError
from tenfold.topology.process import Command, File, Listen, UnitOrder

Emit = Callable[[str, str], None]
Order = Callable[[Host, dict[str, Any], Emit], Awaitable[Any]]

ENDS_WITH_ITS_CALLER = frozenset({"run"})
DURING_SHUTDOWN = frozenset({"hello", "observe", "shutdown", "stop"})
CHANGES_NOTHING = frozenset({"hello", "observe", "metrics", "longest_request"})
ONLY_WAITS = frozenset({"settle", "drained", "rest"})
GOES_ON_BY_ITSELF = frozenset({"handover"})


async def carry_out(host: Host, request: dict[str, Any], emit: Emit) -> Any:
    """Do what a request says; gives the result as wire data.

    Args:
        host: what to do it on.
        request: the decoded line.
        emit: takes ``("progress", text)`` and ``("output", line)`` meanwhile.

    Raises:
        TenfoldError: the order's own failure.
        TargetError: there is no such order, or its arguments are not what it takes.
        StepFailed: it would change something, and its caller's epoch is superseded.
    """
    name = str(request.get("order"))
    order = ORDERS.get(name)
    if order is None:
        raise TargetError(f"the agent knows no order {name!r}")
    if host.closing and name not in DURING_SHUTDOWN:
        raise Refused(f"{host.context.host} is shutting down")
    try:
        if name == "claim" or name in CHANGES_NOTHING:
            return to_wire(await order(host, request, emit))
        with host.epochs.carrying(name, _epoch(request)):
            return to_wire(await order(host, request, emit))
    except (KeyError, ValueError) as fault:
        raise TargetError(f"the agent cannot read the order {name}: {fault}") from fault


def _epoch(request: dict[str, Any]) -> int | None:
    epoch = request.get("epoch")
    return None if epoch is None else int(epoch)


def _seconds(request: dict[str, Any], key: str) -> float | None:
    value = request.get(key)
    return None if value is None else float(value)


async def _hello(host: Host, _: dict[str, Any], __: Emit) -> Any:
    return {
        "protocol": PROTOCOL,
        "version": __version__,
        "pid": os.getpid(),
        "leaving": host.closing,
        "root": str(host.context.root),
    }


async def _observe(host: Host, _: dict[str, Any], __: Emit) -> Any:
    return host.observe()


async def _listen(host: Host, request: dict[str, Any], _: Emit) -> Any:
    return host.listen([from_wire(Listen, item) for item in request["listens"]])


async def _write(host: Host, request: dict[str, Any], _: Emit) -> Any:
    return host.write([from_wire(File, item) for item in request["files"]])


async def _start(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.start(from_wire(UnitOrder, request["unit"]))


async def _reload(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.reload(str(request["name"]))


async def _entrust(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.entrust(from_wire(UnitOrder, request["unit"]))


async def _take_back(host: Host, request: dict[str, Any], _: Emit) -> Any:
    order, within = from_wire(UnitOrder, request["unit"]), float(request["within_seconds"])
    await host.take_back(order, str(request["server"]), within)


async def _stop(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.stop(str(request["name"]), _seconds(request, "within_seconds"))


async def _rest(host: Host, request: dict[str, Any], _: Emit) -> Any:
    return await host.rest(
        str(request["name"]),
        _seconds(request, "within_seconds"),
        kills=bool(request["kills"]),
        lasts_seconds=_seconds(request, "lasts_seconds"),
    )


async def _keep_resting(host: Host, request: dict[str, Any], _: Emit) -> Any:
    within, anew = _seconds(request, "within_seconds"), bool(request["anew"])
    return host.rests.keep(str(request["pool"]), within, anew=anew)


async def _wake(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.wake(str(request["name"]))


async def _handover(host: Host, request: dict[str, Any], emit: Emit) -> Any:
    def tell(text: str) -> None:
        emit("progress", text)

    permit = host.epochs.permit(_epoch(request))
    await host.handovers.order(str(request["pool"]), int(request["generation"]), tell, permit)


async def _settle(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.holds.settle(str(request["pool"]), float(request["within_seconds"]))


async def _hold(host: Host, request: dict[str, Any], _: Emit) -> Any:
    within, lull = float(request["within_seconds"]), float(request.get("lull_seconds", 0.0))
    by = str(request.get("by", COMMAND))
    return await host.holds.hold(str(request["pool"]), within, lull, by)


async def _drained(host: Host, request: dict[str, Any], _: Emit) -> Any:
    by = str(request.get("by", COMMAND))
    await host.holds.drained(str(request["pool"]), float(request["within_seconds"]), by)


async def _release(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.holds.release(str(request["pool"]), str(request.get("by", COMMAND)))


async def _refresh(host: Host, request: dict[str, Any], _: Emit) -> Any:
    return await refresh(host, str(request["pool"]), int(request["port"]))


async def _longest_request(host: Host, request: dict[str, Any], _: Emit) -> Any:
    return await host.holds.longest_request(str(request["pool"]))


async def _claim(host: Host, request: dict[str, Any], _: Emit) -> Any:
    ends_at_once = ENDS_WITH_ITS_CALLER | ONLY_WAITS
    await host.epochs.claim(int(request["claimed"]), ends_at_once, exempt=GOES_ON_BY_ITSELF)
    await host.handovers.decided()


async def _run(host: Host, request: dict[str, Any], emit: Emit) -> Any:
    def output(line: str) -> None:
        emit("output", line)

    code, tail = await host.run(from_wire(Command, request["command"]), output)
    return {"code": code, "tail": tail}


async def _metrics(host: Host, request: dict[str, Any], _: Emit) -> Any:
    return await host.metrics(str(request["pool"]))


async def _shutdown(host: Host, _: dict[str, Any], __: Emit) -> Any:
    await host.shutdown()
    host.leaving.set()


ORDERS: dict[str, Order] = {
    "hello": _hello,
    "observe": _observe,
    "listen": _listen,
    "write": _write,
    "start": _start,
    "reload": _reload,
    "entrust": _entrust,
    "take_back": _take_back,
    "stop": _stop,
    "rest": _rest,
    "keep_resting": _keep_resting,
    "wake": _wake,
    "handover": _handover,
    "settle": _settle,
    "hold": _hold,
    "drained": _drained,
    "release": _release,
    "refresh": _refresh,
    "longest_request": _longest_request,
    "claim": _claim,
    "run": _run,
    "metrics": _metrics,
    "shutdown": _shutdown,
}
