"""Orders for a running edge: maintenance on and off, and whether it is."""

from __future__ import annotations

import urllib.error
import urllib.request

from tenfold.engines.nginx import maintenance
from tenfold.engines.nginx.maintenance import Notice
from tenfold.errors import StepFailed
from tenfold.targets.protocol import HostAgent
from tenfold.topology.process import Command

ANSWER_SECONDS = 10.0


def show(agent: HostAgent, config: str, notice: Notice | None) -> None:
    """Have the edge with this configuration show the notice; none ends maintenance.

    Raises:
        StepFailed: the host does not take it.
    """
    if notice is None:
        _done(agent, maintenance.switch_off(config))
        return
    agent.write(maintenance.files(notice, config))
    _done(agent, maintenance.switch_on(notice, config))


def is_closed(endpoint: str) -> bool | None:
    """Whether the edge at ``address:port`` is in maintenance; ``None`` if it knows of none.

    Raises:
        StepFailed: it does not answer.
    """
    url = f"http://{endpoint}{maintenance.STATE_PATH}"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
            return {b"on": True, b"off": False}.get(answer.read(4))
    except urllib.error.HTTPError as error:
        error.close()
        return None  # an edge of before answers as the app does
    except OSError as error:
        raise StepFailed(f"the edge at {endpoint} does not answer: {error}") from error


def _done(agent: HostAgent, command: Command) -> None:
    finished = agent.run(command)
    if finished.code != 0:
        raise StepFailed("the edge's files could not be changed", detail=finished.tail)
