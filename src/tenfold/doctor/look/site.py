"""The site as it runs: status, traffic, and what the app wrote into its release."""

from __future__ import annotations

from datetime import UTC, datetime

from tenfold.deployment import backups, certificate, jobs, shelf, upgrade
from tenfold.deployment.databases import following
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.job_words import trouble
from tenfold.deployment.status import Status
from tenfold.deployment.work import serving
from tenfold.doctor.facts import SiteFacts
from tenfold.doctor.model import Unseen
from tenfold.engines.etcd.authority import expiring
from tenfold.errors import TenfoldError
from tenfold.observe.traffic import whole
from tenfold.spec.model import AppSpec
from tenfold.state import secrets


def look(deployment: Deployment, spec: AppSpec | None, unseen: list[Unseen]) -> SiteFacts | None:
    """What the checks of the site ask for; ``None`` if nobody answers."""
    try:
        found = deployment.status()
        traffic = whole(deployment.metrics(silent=found.silent))
    except TenfoldError as error:
        unseen.append(Unseen("the site", error.what, error.next or ""))
        return None
    doing = found.transition or {}
    return SiteFacts(
        state=found.state,
        missing=found.missing,
        interrupted=_interrupted(found),
        choices=tuple(doing.get("may", ())),
        lost=_lost(deployment, found, unseen),
        restarts={
            f"{host['name']}/{unit['name']}": (unit["restarts"], unit["reason"] or "")
            for host in found.hosts
            for unit in host["units"]
            if unit.get("restarts")
        },
        release=found.release,
        written=_written(deployment, spec, found.release, unseen),
        certificate=_certificate(deployment, found, unseen),
        authority=_authority(deployment, unseen),
        backups=_backups(deployment, found, unseen),
        jobs=_jobs(deployment, found, unseen),
        behind=_behind(deployment, found, unseen),
        failed=traffic.failed,
        requests=traffic.requests,
    )


def _interrupted(found: Status) -> str | None:
    doing = found.transition
    if doing is None or doing["state"] != "interrupted":
        return None
    return f"{doing['kind']} at step {doing['position']} of {doing['of']}, {doing['step']}"


def _lost(deployment: Deployment, found: Status, unseen: list[Unseen]) -> str | None:
    phase = (found.transition or {}).get("phase")
    if phase not in ("prepared", "switched"):
        return None
    try:
        seen = following(serving(deployment))
    except TenfoldError as error:
        unseen.append(Unseen("the copy of the database", error.what, error.next or ""))
        return None
    if seen is None or not seen.lost:
        return None
    return f"{seen.leader} has let go of log that {seen.follower} still needs"


def _certificate(deployment: Deployment, found: Status, unseen: list[Unseen]) -> tuple[str, ...]:
    if found.state == "stopped":
        return ()
    try:
        kept = certificate.look(deployment, deployment.observe(silent=True))
    except TenfoldError as error:
        unseen.append(Unseen("the certificate", error.what, error.next or ""))
        return ()
    return kept.sentences() if kept is not None and kept.urgent else ()


def _authority(deployment: Deployment, unseen: list[Unseen]) -> tuple[str, ...]:
    try:
        return expiring(secrets.load(deployment.layout.secrets), datetime.now(UTC))
    except (TenfoldError, ValueError) as error:
        unseen.append(Unseen("the certificates of etcd and Patroni", str(error), ""))
        return ()


def _backups(deployment: Deployment, found: Status, unseen: list[Unseen]) -> tuple[str, ...]:
    if found.state == "stopped":
        return ()
    try:
        kept = backups.look(deployment, deployment.observe(silent=True))
    except TenfoldError as error:
        unseen.append(Unseen("the backups", error.what, error.next or ""))
        return ()
    return kept.problems() if kept is not None else ()


def _jobs(deployment: Deployment, found: Status, unseen: list[Unseen]) -> tuple[str, ...]:
    if found.state == "stopped":
        return ()
    try:
        known = jobs.look(deployment, deployment.observe(silent=True))
    except TenfoldError as error:
        unseen.append(Unseen("the scheduled jobs", error.what, error.next or ""))
        return ()
    return tuple(told for job in known.jobs if (told := trouble(job)) is not None)


def _behind(deployment: Deployment, found: Status, unseen: list[Unseen]) -> tuple[str, ...]:
    if found.release is None or found.state not in ("running", "degraded"):
        return ()
    try:
        return upgrade.outdated(deployment)
    except TenfoldError as error:
        unseen.append(Unseen("which versions the engines run", error.what, error.next or ""))
        return ()


def _written(
    deployment: Deployment, spec: AppSpec | None, release: str | None, unseen: list[Unseen]
) -> tuple[str, ...]:
    if release is None:
        return ()
    try:
        return shelf.left_behind(deployment.layout, release, spec.storage.dirs if spec else ())
    except OSError as error:
        unseen.append(
            Unseen("what the app wrote into its release", f"{error.filename}: {error.strerror}")
        )
        return ()
