"""Ask the programs for the values that references stand for; bounded, and never telling a value."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tenfold import trusted
from tenfold.errors import Refused, TenfoldError
from tenfold.vaults.references import INSTEAD, NoValue, parse

WITHIN_SECONDS = 30.0
AT_ONCE = 8
MESSAGE_LINES = 5
MESSAGE_CHARACTERS = 600


def fetch(references: Mapping[str, str]) -> dict[str, str]:
    """The value of every reference, by the same names; each program has 30 seconds.

    Raises:
        Refused: one cannot be had; names all of those, with what their programs said.
    """
    if not references:
        return {}
    with ThreadPoolExecutor(min(AT_ONCE, len(references)), thread_name_prefix="fetch") as threads:
        asked = {name: threads.submit(_one, text) for name, text in references.items()}
    found: dict[str, str] = {}
    failed: list[str] = []
    for name, future in asked.items():
        try:
            found[name] = future.result()
        except TenfoldError as error:
            failed.append(f"{name}: {references[name]} cannot be had: {error.what}")
    if failed:
        raise Refused("\n".join(failed), next="mend that, or  tenfold secrets set NAME  anew")
    return found


def _one(text: str) -> str:
    reference = parse(text)
    program = _program(reference.argv[0])
    name = program.name
    code, printed, said = _run(program, reference.argv[1:])
    if code != 0:
        raise Refused(f"{name} exited {code}: {_message(said)}")
    try:
        return reference.value(printed.decode("utf-8"))
    except UnicodeDecodeError:
        raise Refused(f"{name} printed what is not UTF-8 text") from None
    except NoValue as error:
        raise Refused(str(error)) from None


def _program(name: str) -> Path:
    """The program of this name on ``PATH``, else one that takes the same arguments."""
    names = (name, *INSTEAD.get(name, ()))
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise Refused(f"there is no program {' or '.join(names)} on PATH")
    why = trusted.doubt(Path(program))
    if why is not None:
        raise Refused(f"root does not run {program}: {why}")
    return Path(program)


def _run(program: Path, arguments: Sequence[str]) -> tuple[int, bytes, bytes]:
    process = subprocess.Popen(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        printed, said = process.communicate(timeout=WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise Refused(f"{program.name} did not answer within {WITHIN_SECONDS:g} s") from None
    return process.returncode, printed, said


def _message(said: bytes) -> str:
    """What a program said on its standard error, in a few lines."""
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    text = "\n".join(lines[-MESSAGE_LINES:])[-MESSAGE_CHARACTERS:]
    return text or "it said nothing"
