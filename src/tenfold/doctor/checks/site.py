"""The site as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import SiteFacts
from tenfold.doctor.model import Seen, check

MANY_RESTARTS = 3
FAILED_SHARE = 0.01


@check("site.degraded", "something does not run", bites="now")
def degraded(facts: SiteFacts) -> Iterator[Seen]:
    """Looked for: units that the stage has and that do not run, and hosts that do not answer."""
    if facts.missing:
        yield Seen("something does not run", facts.missing, "tenfold logs      tells why")


@check("site.interrupted", "a command was cut off", bites="now")
def interrupted(facts: SiteFacts) -> Iterator[Seen]:
    """A command that was killed half-way is finished by giving it again; a move between stages by
    `resume` or `abort`. Looked for: an intention in the journal that nobody is at work on."""
    if facts.interrupted is not None:
        fix = "\n".join(f"tenfold {c}" for c in facts.choices) or "give the same command again"
        yield Seen("a command was cut off", (facts.interrupted,), fix)


@check("site.way-back-lost", "a move can no longer be taken back", bites="now")
def way_back(facts: SiteFacts) -> Iterator[Seen]:
    """After a move the old database follows the new one, until `tenfold complete`. When the leader
    had to let go of log that the follower still needs, that way is gone."""
    if facts.lost is not None:
        yield Seen(
            "the copy of the database is lost",
            (facts.lost,),
            "tenfold status      says how to go on",
        )


@check("site.restarts", "a unit crashes again and again", bites="now")
def restarts(facts: SiteFacts) -> Iterator[Seen]:
    """A unit that crashes is started again, with growing pauses; a minute of health forgets the
    count. Looked for: three restarts or more."""
    told = tuple(
        f"{unit}: {count} times{f', {reason}' if reason else ''}"
        for unit, (count, reason) in facts.restarts.items()
        if count >= MANY_RESTARTS
    )
    if told:
        yield Seen("a unit crashes again and again", told, "tenfold logs      tells why")


@check("site.behind", "an engine runs an older version than is installed", bites="advice")
def behind(facts: SiteFacts) -> Iterator[Seen]:
    """When the packages of an engine are updated, what runs is still the version of before, with
    the faults that the new one mends. Looked for: PostgreSQL, nginx and Redis whose program on the
    disk is another one than the one that runs."""
    if facts.behind:
        fix = "tenfold upgrade      restarts them; no request fails"
        yield Seen("an engine runs an older version than is installed", facts.behind, fix, None)


@check("site.written", "the app writes into its release", bites="now")
def written(facts: SiteFacts) -> Iterator[Seen]:
    """A release is not kept: files that the app wrote into it are not in the next one, so that
    `deploy` refuses to leave them behind. Looked for: files of the serving release that came after
    it was built."""
    if facts.written:
        fix = (
            'have them outlive releases: [storage] dirs = ["media"]; '
            f"what is there now: .tenfold/releases/{facts.release}/app"
        )
        yield Seen("the app writes into its release", facts.written, fix)


@check("site.certificate", "the site's certificate needs somebody", bites="now")
def certificate(facts: SiteFacts) -> Iterator[Seen]:
    """A certificate is renewed by itself in good time; one of your own (`[edge] tls` names its
    files) is not. Looked for: one that has run out, one that the site made itself because it got no
    other, renewals that fail, and one of your own with 30 days left, or a third of its life."""
    if facts.certificate:
        fix = "tenfold certificate      says more, and what to do"
        yield Seen("the site's certificate needs somebody", facts.certificate, fix)


@check("site.authority", "certificates of etcd and Patroni end", bites="now")
def authority(facts: SiteFacts) -> Iterator[Seen]:
    """From stage 1k on etcd, Patroni and whoever asks them know each other by certificates that
    Tenfold makes, for ten years; when they have ended no leader is elected any more. Looked for:
    one with less than 90 days left."""
    if facts.authority:
        fix = 'docs/operations/journal.md, "Certificates", says how they are made anew'
        yield Seen("certificates of etcd and Patroni end", facts.authority, fix)


@check("site.backups", "backups need somebody", bites="now")
def backups(facts: SiteFacts) -> Iterator[Seen]:
    """What is written is in the archive a minute later. Looked for: an archive that gets nothing or
    is behind, log that fills the database's disk for that, copies and trials that failed."""
    if facts.backups:
        yield Seen("backups need somebody", facts.backups, "tenfold status      tells how they are")


@check("site.jobs", "a scheduled job does not go well", bites="now")
def jobs(facts: SiteFacts) -> Iterator[Seen]:
    """Looked for: jobs of `[jobs]` whose last run failed, took too long or was cut off, and times
    that went by without a run since the last one."""
    if facts.jobs:
        fix = "tenfold jobs NAME      shows its runs, and what they printed"
        yield Seen("a scheduled job does not go well", facts.jobs, fix)


@check("site.failures", "many requests fail", bites="now")
def failures(facts: SiteFacts) -> Iterator[Seen]:
    """Looked for: one request in a hundred or more answered 500 or worse since the workers started,
    of at least a hundred."""
    if facts.requests >= 100 and facts.failed >= facts.requests * FAILED_SHARE:
        told = f"{facts.failed} of {facts.requests} since the workers started"
        yield Seen("many requests fail", (told,), "tenfold status --routes      says which")


CHECKS: Final = (
    degraded,
    interrupted,
    way_back,
    restarts,
    behind,
    written,
    certificate,
    authority,
    backups,
    jobs,
    failures,
)
