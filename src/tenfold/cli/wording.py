"""How finished steps read. An empty sentence is not worth a line."""

from __future__ import annotations

from tenfold.transitions import steps as st


def finished_sentence(step: st.Step) -> str:
    """What a person reads behind the tick."""
    match step:
        case st.EnsureHost(host):
            return f"host {host} is up"
        case st.StopHost(host):
            return f"host {host} stopped, its data is kept"
        case st.BuildRelease(release):
            return f"release {release} built"
        case st.StartUnit(unit):
            return f"{unit} ready"
        case st.RestartUnit(unit):
            return f"{unit} took its new configuration"
        case st.StopUnit(unit):
            return f"{unit} stopped"
        case st.PrepareDatabase():
            return "database and roles ready"
        case st.Migrate(_, command):
            return f"migrated: {command}"
        case st.WarmPool(pool, _, release, count):
            units = "1 worker" if count == 1 else f"{count} workers"
            return f"{units} of {pool} warm and healthy with {release}"
        case st.Handover(pool, _, release):
            return f"{pool} serves {release}"
        case st.DiscardGeneration(pool, generation):
            return f"generation {generation} of {pool}, which never served, stopped"
    return ""
