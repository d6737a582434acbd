"""Having a backup tried by a process of its own: it takes minutes, and a core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tenfold.backups.config import Config
from tenfold.backups.faults import Fault
from tenfold.backups.state import told

NICE = 10


def apart(config: Config, lineage: str, tell: Callable[[str], None]) -> dict[str, Any]:
    """What :func:`tenfold.backups.checking.check` finds, in another process. Raises ``Fault``."""
    request = json.dumps({"config": asdict(config), "lineage": lineage}, default=str)
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "tenfold.backups", "try"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(request)
        process.stdin.close()
        for line in process.stdout:
            data = json.loads(line)
            if "tell" in data:
                tell(data["tell"])
            elif "checked" in data:
                found: dict[str, Any] = data["checked"]
                return found
            elif "fault" in data:
                raise Fault(**data["fault"])
    raise Fault(
        "own", f"the trial broke off: it exited {process.returncode}", "tenfold logs backup"
    )


def main() -> None:
    """In that other process: the request is on standard input, for it has secrets in it."""
    from tenfold.backups.checking import check
    from tenfold.backups.config import from_json
    from tenfold.backups.store import open_store

    os.nice(NICE)
    os.umask(0o077)
    request = json.load(sys.stdin)
    config = from_json(request["config"])
    try:
        store = open_store(config.destination)
        found = check(config, store, request["lineage"], lambda text: _say({"tell": text}))
        _say({"checked": found.to_json()})
    except Fault as fault:
        _say({"fault": told(fault)})
    except OSError as error:
        _say({"fault": told(Fault("own", f"{error.filename or 'a file'}: {error.strerror}"))})


def _say(data: dict[str, Any]) -> None:
    print(json.dumps(data), flush=True)  # noqa: T201
