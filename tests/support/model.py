"""A model of the world for the planner: applying a step to an observation, purely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tenfold.topology.observation import Observation, ObservedHost, ObservedUnit, UnitState
from tenfold.topology.settings import WorkerSettings
from tenfold.transitions import steps as st
from tenfold.transitions.planner import Goal


def apply(step: st.Step, now: Observation, goal: Goal) -> Observation:
    """What would be observed if the step had been performed."""
    match step:
        case st.Together(steps):
            for inner in steps:
                now = apply(inner, now, goal)
            return now
        case st.EnsureHost(host):
            seen = now.host(host)
            units = seen.units if seen else ()
            return _put(now, ObservedHost(host, "127.0.0.1", "running", 1, units=units))
        case st.StopHost(host):
            return _put(now, ObservedHost(host, "127.0.0.1", "absent"))
        case st.KeepFiles(directory):
            return replace(now, storage=(*now.storage, directory))
        case st.BuildRelease(release):
            return replace(now, built=(*now.built, release))
        case st.StartUnit(path) | st.RestartUnit(path):
            member = goal.topology.member(path)
            unit = ObservedUnit(
                member.name, member.engine, "running", fingerprint=goal.fingerprints[path]
            )
            return _units(now, member.host, remove={member.name}, add=(unit,))
        case st.StopUnit(path):
            host, _, name = path.partition("/")
            return _units(now, host, remove={name})
        case st.PrepareDatabase(path, digest):
            return replace(now, prepared={**now.prepared, path: digest})
        case st.Migrate(release, _):
            return replace(now, migrated=(*now.migrated, release))
        case st.WarmPool(path, generation, release, count):
            host, _, name = path.partition("/")
            units = tuple(
                ObservedUnit(
                    f"{name}.{generation}.{i}",
                    "uvicorn",
                    "warm",
                    pool=name,
                    generation=generation,
                    release=release,
                    fingerprint=goal.fingerprints[path],
                )
                for i in range(count)
            )
            return _units(now, host, add=units)
        case st.StartWorkers(path, generation, release, count):
            host, _, name = path.partition("/")
            seen = now.host(host)
            assert seen
            settings = goal.topology.member(path).settings
            assert isinstance(settings, WorkerSettings)
            working = [u for u in seen.pool(name) if u.state in ("running", "draining")]
            assert not (settings.single and working), "two at once of what there may be one"
            units = tuple(
                ObservedUnit(
                    f"{name}.{generation}.{i}",
                    "worker",
                    "running",
                    pool=name,
                    generation=generation,
                    release=release,
                    fingerprint=goal.fingerprints[path],
                )
                for i in range(count)
            )
            return _units(now, host, add=units)
        case st.RestWorkers(path, but):
            return _turn(now, path, "resting", lambda u: u.generation != but)
        case st.WakeWorkers(path, but, generation):
            return _turn(
                now,
                path,
                "running",
                lambda u: u.generation != but and generation in (0, u.generation),
            )
        case st.ForgetWorkers(path, generation):
            host, _, name = path.partition("/")
            seen = now.host(host)
            assert seen
            left = {u.name for u in seen.pool(name) if u.generation != generation}
            return _units(now, host, remove=left)
        case st.StopWorkers(path, generation):
            return apply(st.DiscardGeneration(path, generation), now, goal)
        case st.DiscardGeneration(path, generation):
            host, _, name = path.partition("/")
            seen = now.host(host)
            assert seen
            return _units(
                now, host, remove={u.name for u in seen.pool(name) if u.generation == generation}
            )
        case st.PublishAssets(release, _):
            return replace(now, published=release)
        case st.Handover(path, generation, release):
            host, _, name = path.partition("/")
            seen = now.host(host)
            assert seen
            kept = tuple(
                replace(u, state="running") for u in seen.pool(name) if u.generation == generation
            )
            assert kept, "nothing warm to hand over to"
            now = _units(now, host, remove={u.name for u in seen.pool(name)}, add=kept)
            served = tuple(r for r in now.served if r != release)
            return replace(now, release=release, served=(*served, release))
        case st.MakePages(id, _):
            made = (*(p for p in now.made_pages if p != id), id)
            return replace(now, made_pages=made)
        case st.ShowPages(id, _):
            assert id in now.made_pages, "pages are shown that are not there"
            return replace(now, pages=id)
        case st.PruneReleases() | st.PrunePages() | st.ComparePages():
            return now
    raise NotImplementedError(step)


def _put(now: Observation, host: ObservedHost) -> Observation:
    others = tuple(h for h in now.hosts if h.name != host.name)
    return replace(now, hosts=(*others, host))


def _turn(
    now: Observation, path: str, state: UnitState, chosen: Callable[[ObservedUnit], bool]
) -> Observation:
    host, _, name = path.partition("/")
    seen = now.host(host)
    assert seen
    turned = tuple(
        replace(u, state=state) if u.pool == name and chosen(u) else u for u in seen.units
    )
    return _put(now, replace(seen, units=turned))


def _units(
    now: Observation,
    host: str,
    *,
    remove: set[str] | None = None,
    add: tuple[ObservedUnit, ...] = (),
) -> Observation:
    seen = now.host(host)
    assert seen
    kept = tuple(u for u in seen.units if u.name not in (remove or set()))
    return _put(now, replace(seen, units=(*kept, *add)))
