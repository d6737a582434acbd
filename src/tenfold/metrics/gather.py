"""One round: everything is asked at once, each within its time, and becomes a snapshot."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tenfold.jobs.report import FILE
from tenfold.metrics import agents, database, processes, redis
from tenfold.metrics.agents import Place
from tenfold.metrics.config import Config, Site, read_site
from tenfold.metrics.snapshot import Backup, Certificate, Database, Job, Redis, Snapshot
from tenfold.metrics.traffic import AppTraffic, EdgeTraffic
from tenfold.spec.jobs import POOL as SCHEDULER
from tenfold.targets.local.follow import Follower
from tenfold.topology.model import APP
from tenfold.topology.observation import ObservedHost, ObservedUnit

LIVE = ("running", "draining", "holding")
DATABASES = ("postgresql", "patroni")
THREADS = 8
EDGE = "edge"
MOST_LOG_BYTES = 64 << 20
"""What of the edge's log is read in one round; a site cannot write more in ten seconds."""


class Gatherer:
    """Remembers what only grows; everything else is asked each time."""

    def __init__(self, config: Config, clock: Callable[[], float] = time.time) -> None:
        self._config, self._clock = config, clock
        self._edge, self._app = EdgeTraffic(), AppTraffic()
        self._logs: dict[Path, Follower] = {}
        self._databases: dict[str, tuple[str, int]] = {}
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="gather")

    def round(self) -> Snapshot:
        """Everything, as it is now."""
        began, at = time.monotonic(), self._clock()
        site = read_site(self._config.config)
        places = agents.places(self._config.hosts, self._config.host, site.names)
        hosts = tuple(self._pool.map(agents.observe, places))
        waiting = [self._pool.submit(ask) for ask in self._servers(hosts)]
        for place, host in zip(places, hosts, strict=True):
            self._read_edge(place)
            self._ask_app(place, host)
        servers = [one.result() for one in waiting]
        return Snapshot(
            at=at,
            app=site.app,
            stage=site.stage,
            release=_serving(hosts) or site.release,
            transition=site.transition,
            hosts=hosts,
            edge=self._edge.total(),
            routes=self._app.total(),
            usage=processes.usage(hosts),
            machine=processes.machine(self._config.data),
            databases=tuple(s for s in servers if isinstance(s, Database)),
            redis=tuple(s for s in servers if isinstance(s, Redis)),
            certificate=self._certificate(places, site),
            backups=tuple(b for place in places if (b := _backup(place)) is not None),
            jobs=tuple(
                job
                for place, host in zip(places, hosts, strict=True)
                if host.pool(SCHEDULER)  # what another release had is no news
                for job in _jobs(place)
            ),
            etcd=site.etcd,
            members=site.members,
            took_seconds=time.monotonic() - began,
        )

    def close(self) -> None:
        """Let go of the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _servers(self, hosts: Iterable[ObservedHost]) -> Iterable[Callable[[], Database | Redis]]:
        config = self._config
        for host in hosts:
            if host.agent == "silent" and host.name in self._databases and config.database:
                # Its server may well run, and lead.
                yield _bound(database.ask, host.name, *self._databases[host.name], config.database)
            for unit in host.units:
                address, _, port = (unit.endpoint or "").rpartition(":")
                if not port.isdigit() or unit.state not in LIVE:
                    continue
                if unit.engine in DATABASES and config.database is not None:
                    self._databases[host.name] = address, int(port)
                    yield _bound(database.ask, host.name, address, int(port), config.database)
                elif unit.engine == "redis" and config.redis is not None:
                    yield _bound(redis.ask, host.name, address, int(port), config.redis)

    def _read_edge(self, place: Place) -> None:
        log = place.root / "logs" / f"{EDGE}.log"
        follower = self._logs.setdefault(log, Follower(log))
        left = MOST_LOG_BYTES
        while left > 0 and (piece := follower.new_bytes()):
            self._edge.add(piece)
            left -= len(piece)

    def _ask_app(self, place: Place, host: ObservedHost) -> None:
        workers = [u for u in host.units if u.pool == APP and u.state in LIVE]
        if not workers:
            return
        try:
            answer = agents.ask(place, {"order": "metrics", "pool": APP})
        except agents.Silent:
            return
        self._app.add(answer, (_worker(u) for u in workers), host=place.root.name)

    def _certificate(self, places: Iterable[Place], site: Site) -> Certificate | None:
        for place in places:
            path = place.root / "data" / "certificates" / "state.json"
            try:
                told = json.loads(path.read_text())
                return Certificate(float(told["not_after"]), int(told["failures"]))
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return Certificate(site.certificate_not_after) if site.certificate_not_after else None


def _backup(place: Place) -> Backup | None:
    """What the keeper there remembers, if there is one."""
    try:
        told = json.loads((place.root / "data" / "backup" / "state.json").read_text())
        return Backup(
            host=place.name,
            leads=told["role"] == "leader",
            recoverable_at=float(told["recoverable_at"]),
            copied_at=float(told["backup_ended"]),
            waiting=int(told["waiting"]),
            archive_fault=str(told["archive_fault"].get("what", "")),
            failing_since=float(told["failing_since"]),
            copy_fault=str(told["backup_fault"].get("what", "")),
            check_fault=str(told["check_fault"].get("what", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _jobs(place: Place) -> Iterator[Job]:
    """What the scheduler there last wrote down."""
    try:
        lines = (place.root / "data" / SCHEDULER / FILE).read_text().splitlines()
        for told in map(json.loads, lines):
            last = told["previous"] or {}
            yield Job(
                host=place.name,
                name=str(told["name"]),
                bad_runs=int(told["bad_runs"]),
                outcome=str(last.get("outcome", "")),
                code=last.get("code"),
                ended_at=float(last.get("ended") or 0.0),
                seconds=float(last.get("seconds") or 0.0),
                running=len(told["running"]),
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return


def _bound(
    ask: Callable[..., Database | Redis], *arguments: object
) -> Callable[[], Database | Redis]:
    return lambda: ask(*arguments)


def _worker(unit: ObservedUnit) -> tuple[str, int | None]:
    return unit.name, unit.pid


def _serving(hosts: Iterable[ObservedHost]) -> str | None:
    running = {u.release for h in hosts for u in h.units if u.state == "running" and u.pool == APP}
    return running.pop() if len(running) == 1 else None
