"""Is a unit ready? One question per kind of probe; whoever asks repeats it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tenfold.agent import control as controls
from tenfold.agent.run import output_of
from tenfold.errors import TenfoldError
from tenfold.topology.process import Probe
from tenfold.wiring import control

ONE_ANSWER_SECONDS = 5.0
_BODY_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Answer:
    """What a probe found: ready or not, in words, and whatever evidence came along.

    ``final`` says that asking again is pointless: the unit has said that it failed.
    """

    ready: bool
    text: str
    evidence: str = ""
    final: bool = False


@dataclass(frozen=True, slots=True)
class Subject:
    """The unit that is asked about: how to reach it and in which surroundings to run commands."""

    control: str | None
    cwd: str
    env: Mapping[str, str] = field(repr=False)
    marker: str
    began: float = field(default_factory=time.monotonic)


def describe(probe: Probe) -> str:
    """The probe in words, for errors: ``GET http://127.0.0.1:8000/healthz``."""
    match probe.kind:
        case "exec":
            return " ".join(probe.argv)
        case "tcp":
            return f"connection to {probe.address}"
        case "http":
            return f"GET http://{probe.address}{probe.path}"
        case "control":
            return f"GET {probe.path} inside the worker"
        case "talk":
            return f"{probe.expect} of {probe.address}"
        case "steady":
            return f"{probe.steady_seconds:g} s without an end"


async def ask(probe: Probe, subject: Subject) -> Answer:
    """Ask once; whatever goes wrong is an answer, not an exception.

    It is not waited for longer than the unit may take in all to become ready.
    """
    within_seconds = min(ONE_ANSWER_SECONDS, probe.within_seconds)
    try:
        async with asyncio.timeout(within_seconds):
            match probe.kind:
                case "exec":
                    return await _ask_command(probe, subject)
                case "tcp":
                    return await _ask_tcp(probe)
                case "http":
                    return await _ask_http(probe)
                case "control":
                    return await _ask_control(probe, subject)
                case "talk":
                    return await _ask_by_talking(probe)
                case "steady":
                    return _ask_the_clock(probe, subject)
    except TimeoutError:
        return Answer(False, f"no answer within {within_seconds:g} s")
    except OSError as fault:
        return Answer(False, fault.strerror or str(fault))
    except (TenfoldError, ValueError) as fault:
        return Answer(False, str(fault))


async def _ask_command(probe: Probe, subject: Subject) -> Answer:
    # A nonce of its own: what ends with a command is all that carries its marker, and the unit
    # that is asked about must not.
    marker = f"{subject.marker}-probe"
    code, text = await output_of(probe.argv, subject.env, subject.cwd, marker)
    return Answer(code == 0, f"exit code {code}", text)


async def _ask_tcp(probe: Probe) -> Answer:
    _, writer = await asyncio.open_connection(*_address(probe.address))
    writer.close()
    return Answer(True, "accepted")


async def _ask_http(probe: Probe) -> Answer:
    reader, writer = await asyncio.open_connection(*_address(probe.address))
    try:
        request = f"GET {probe.path} HTTP/1.0\r\nHost: {probe.address}\r\n\r\n"
        writer.write(request.encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n")
        status = int(head.split()[1])
        rest = await reader.read(_BODY_BYTES) if status >= probe.below else b""
    except (asyncio.IncompleteReadError, IndexError):
        return Answer(False, "the connection closed without an HTTP answer")
    finally:
        writer.close()
    body = rest.partition(b"\r\n\r\n")[2]
    return Answer(status < probe.below, f"status {status}", body.decode("utf-8", "replace"))


async def _ask_control(probe: Probe, subject: Subject) -> Answer:
    assert subject.control is not None, "a control probe needs a control socket"
    status = await controls.ask(subject.control, order=control.STATUS)
    state = str(status.get("state"))
    if state == control.FAILED:
        return Answer(False, "the app failed to start", str(status.get("error", "")), final=True)
    if state not in (control.WARM, control.ACCEPTING):
        return Answer(False, f"still {state}")
    answer = await controls.ask(
        subject.control, order=control.PROBE, path=probe.path, host="localhost"
    )
    if not answer.get("ok"):
        return Answer(False, str(answer.get("error", "the worker refused the probe")))
    code = int(answer["status"])
    evidence = str(answer.get("traceback") or answer.get("body") or "")
    return Answer(code < probe.below, f"status {code}", evidence)


async def _ask_by_talking(probe: Probe) -> Answer:
    """Each line that is said is answered by one."""
    reader, writer = await asyncio.open_connection(*_address(probe.address))
    try:
        writer.write(probe.say.encode())
        await writer.drain()
        heard = [await reader.readline() for _ in probe.say.splitlines()]
    finally:
        writer.close()
    lines = [line.decode("utf-8", "replace").rstrip() for line in heard]
    said = any(line.startswith(probe.expect) for line in lines)
    return Answer(said, f"it says: {lines[-1] or 'nothing'}")


def _ask_the_clock(probe: Probe, subject: Subject) -> Answer:
    seconds = time.monotonic() - subject.began
    return Answer(seconds >= probe.steady_seconds, f"has run for {seconds:.1f} s")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    # A name would be looked up in a thread, and a process with threads should not fork.
    return "127.0.0.1" if host == "localhost" else host.strip("[]"), int(port)
