"""How finished steps read. An empty sentence is not worth a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tenfold.jobs.schedule import Schedule
from tenfold.observe.report.figures import count, size
from tenfold.spec.worker_kinds import UNKNOWN
from tenfold.topology.settings import (
    BackupSettings,
    JobSettings,
    SchedulerSettings,
    WorkerSettings,
)
from tenfold.transitions import steps as st
from tenfold.transitions.steps import cluster


def about_workers(settings: WorkerSettings, count: int) -> str:
    """What is known of a kind of worker, and what a deploy does to it."""
    if isinstance(settings, SchedulerSettings):
        names = ", ".join(f"{job.name} ({_schedule(job)})" for job in settings.jobs)
        return f"{names}; a deploy waits {settings.drain_seconds:g} s at most for one that runs"
    who = settings.kind if settings.kind != UNKNOWN else settings.command
    many = f", {count} of them" if count > 1 else ""
    how = "never two at once" if settings.single else "new ones start before old ones end"
    return (
        f"{who}{many}; {how}, after {settings.stop_signal} and {settings.drain_seconds:g} s at most"
    )


def about_backups(settings: BackupSettings) -> str:
    """What is kept, where and for how long."""
    hours, days = settings.every_seconds / 3600, settings.keep_seconds / 86_400
    sealed = "encrypted" if settings.encrypted else "not encrypted"
    return f"backups to {settings.to}, a copy every {hours:g} h, kept {days:g} days, {sealed}"


def _schedule(job: JobSettings) -> str:
    return str(Schedule(job.every_seconds, job.cron, job.timezone))


def finished_sentence(step: st.Step) -> str:
    """What a person reads behind the tick."""
    match step:
        case st.EnsureHost(host):
            return f"host {host} is up"
        case st.StopHost(host):
            return f"host {host} stopped, its data is kept"
        case st.BuildRelease(release):
            return f"release {release} built"
        case st.MakePages():
            return "pages made"
        case st.ShowPages(id):
            return f"pages of {id} are shown"
        case st.PrunePages():
            return ""
        case st.ComparePages():
            return "every published page compared with the app's answer"
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
        case st.StartWorkers(pool, _, release, count):
            return f"{'1 worker' if count == 1 else f'{count} workers'} of {pool} with {release}"
        case st.RestWorkers(pool):
            return f"{pool} finished its jobs"
        case st.WakeWorkers(pool):
            return f"{pool} works again"
        case st.DiscardGeneration(pool, generation):
            return f"generation {generation} of {pool}, which never served, stopped"
    return _of_a_move(step)


def _of_a_move(step: st.Step) -> str:
    match step:
        case st.StandIn(unit):
            return f"a second {unit} serves beside it"
        case st.Renew(unit) | st.RenewServer(unit):
            return f"{unit} runs what is installed"
        case st.EndStandIn(unit):
            return f"the second {unit} has finished and stopped"
        case st.BringBeside(unit, _, _, backup):
            return f"backup {backup} is back beside {unit}"
        case st.Exchange(unit, _, back):
            return f"{unit} runs on {'its data of before' if back else 'what was brought back'}"
        case st.RemoveBeside(unit):
            return f"the other data of {unit} is deleted"
        case st.Check():
            return "nothing stands in the way"
        case st.CatchUp(follower, leader):
            return f"{follower} has caught up with {leader}"
        case st.Verify(follower):
            return f"{follower} verified: schema, rows, checksums"
        case st.TrialStart(pool):
            return f"a worker of {pool} was tried"
        case st.Hold(in_vain=in_vain):
            names = " and ".join(step.pools)
            return f"requests wait in front of {names}{'' if in_vain else '; none is in hand'}"
        case st.Release(pool):
            return f"{pool} accepts again"
        case st.Fence(unit):
            return f"{unit} accepts no write any more"
        case st.Unfence(unit):
            return f"{unit} leads again"
        case st.AwaitLast(follower):
            return f"{follower} has everything"
        case st.Promote(unit):
            return f"{unit} leads"
        case st.Follow(unit, leader):
            return f"{unit} follows {leader}: the way back"
        case st.RemoveData(unit):
            return f"the data of {unit} is deleted"
        case st.MoveJournal(to):
            return f"the journal is in {'its file' if to is None else f'etcd ({to})'}"
        case st.RemoveHost(host):
            return f"host {host} is removed"
    return _of_a_cluster(step)


def _of_a_cluster(step: st.Step) -> str:
    match step:
        case cluster.AwaitQuorum(members):
            return f"{', '.join(members)} agree"
        case cluster.RemoveEtcd(member):
            return f"{member} stopped, its data is deleted"
        case cluster.RejoinEtcd(member):
            return f"etcd expects {member} as a new member"
        case cluster.ForgetEtcd(member):
            return f"etcd does without {member}"
        case cluster.AdoptDatabase(unit):
            return f"{unit} is in Patroni's care; it ran on"
        case cluster.ReleaseDatabase(unit):
            return f"{unit} is out of Patroni's care; it ran on"
        case cluster.JoinCluster(unit, leader):
            return f"{unit} follows {leader} in Patroni's care"
        case cluster.LeaveCluster(unit, leader):
            return f"{unit} follows {leader} by itself"
        case cluster.RequireSynchronous(leader):
            return f"a commit on {leader} waits for another zone"
        case cluster.ExcuseMember(unit, leader):
            return f"no commit on {leader} waits for {unit}"
        case cluster.CountMember(unit):
            return f"{unit} is counted on again"
        case cluster.AwaitMember(unit, leader, in_sync):
            return f"{unit} {'is in sync with' if in_sync else 'follows'} {leader}"
        case cluster.SwitchOver(_, to):
            return f"{to} leads"
    return ""


def user_files(storage: Iterable[Mapping[str, Any]]) -> str:
    """``media 1,204 files, 312 MB``: the directories that outlive releases."""
    return " · ".join(
        f"{s['directory']} {'more than ' if s['more'] else ''}"
        f"{count(s['files'], 'file')}, {size(s['bytes'])}"
        for s in storage
    )
