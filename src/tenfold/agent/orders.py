"""From a request on the wire to a call on the host, and its outcome back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from tenfold import __version__
from tenfold.agent.host import Host
from tenfold.agent.wire import PROTOCOL, from_wire, to_wire
from tenfold.errors import Refused, TargetError
from tenfold.topology.process import Command, File, Listen, UnitOrder

Emit = Callable[[str, str], None]
Order = Callable[[Host, dict[str, Any], Emit], Awaitable[Any]]

ENDS_WITH_ITS_CALLER = frozenset({"run"})
DURING_SHUTDOWN = frozenset({"hello", "observe", "shutdown", "stop"})


async def carry_out(host: Host, request: dict[str, Any], emit: Emit) -> Any:
    """Do what a request says; gives the result as wire data.

    Args:
        host: what to do it on.
        request: the decoded line.
        emit: takes ``("progress", text)`` and ``("output", line)`` meanwhile.

    Raises:
        TenfoldError: the order's own failure.
        TargetError: there is no such order, or its arguments are not what it takes.
    """
    name = str(request.get("order"))
    order = ORDERS.get(name)
    if order is None:
        raise TargetError(f"the agent knows no order {name!r}")
    if host.closing and name not in DURING_SHUTDOWN:
        raise Refused(f"{host.context.host} is shutting down")
    try:
        return to_wire(await order(host, request, emit))
    except (KeyError, ValueError) as fault:
        raise TargetError(f"the agent cannot read the order {name}: {fault}") from fault


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


async def _stop(host: Host, request: dict[str, Any], _: Emit) -> Any:
    await host.stop(str(request["name"]))


async def _handover(host: Host, request: dict[str, Any], emit: Emit) -> Any:
    def tell(text: str) -> None:
        emit("progress", text)

    await host.handovers.order(str(request["pool"]), int(request["generation"]), tell)


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
    "stop": _stop,
    "handover": _handover,
    "run": _run,
    "metrics": _metrics,
    "shutdown": _shutdown,
}
