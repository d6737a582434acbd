"""Looking: what agents say now, joined with what the journal remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tenfold.errors import TargetError
from tenfold.targets.protocol import Target
from tenfold.topology.observation import Observation, ObservedHost

SILENT_AFTER_SECONDS: Final = 5.0
"""After that a host is shown as one that says nothing."""


def observe(
    target: Target,
    facts: Mapping[str, Any],
    *,
    built: Sequence[str],
    served: Sequence[str],
    storage: Sequence[str] = (),
    pages: str | None = None,
    made_pages: Sequence[str] = (),
    silent: bool = False,
) -> Observation:
    """Everything that the planner and ``status`` look at. Starts nothing.

    Raises:
        TargetError: an agent says nothing, unless that is to be told as well (``silent``).
    """
    names = target.hosts()
    if silent and len(names) > 1:  # those that say nothing are waited for side by side
        with ThreadPoolExecutor(len(names), thread_name_prefix="observe") as threads:
            hosts = tuple(threads.map(lambda name: _host(target, name, silent), names))
    else:
        hosts = tuple(_host(target, name, silent) for name in names)
    return Observation(
        hosts=hosts,
        release=served[-1] if served else None,
        served=tuple(served),
        built=tuple(built),
        migrated=tuple(facts.get("migrated", ())),
        published=facts.get("published"),
        prepared=facts.get("prepared", {}),
        storage=tuple(storage),
        pages=pages,
        made_pages=tuple(made_pages),
    )


def _host(target: Target, name: str, silent: bool) -> ObservedHost:
    try:
        agent = target.reach(name, SILENT_AFTER_SECONDS if silent else None)
    except TargetError:
        if not silent:
            raise
        return ObservedHost(name, "", "silent")
    if agent is None:
        return ObservedHost(name, "", "unreachable" if target.remains(name) else "absent")
    try:
        return agent.observe()
    except TargetError as error:
        if target.reach(name) is None:  # it went away between the two looks
            return ObservedHost(name, agent.paths.address, "absent")
        raise error
