"""The app's source: which files, how they are served, what the chosen PostgreSQL brings along."""

from __future__ import annotations

import ipaddress
import platform
import re
import time
from pathlib import Path

from tenfold.deployment.intent import machine
from tenfold.doctor.facts import AppFacts, ExternalFacts
from tenfold.doctor.look.project import environment_of
from tenfold.doctor.model import Unseen
from tenfold.engines.postgresql import binaries
from tenfold.errors import TenfoldError
from tenfold.release import git
from tenfold.spec.detect import django
from tenfold.spec.detect.project import Module, Project
from tenfold.spec.model import AppSpec
from tenfold.spec.values import references
from tenfold.stages import stage_10
from tenfold.stages.facts import app_facts
from tenfold.state import app_secrets
from tenfold.state.layout import Layout
from tenfold.topology.settings import AppSettings

MAX_FILES = 3000
MAX_SQL_FILES = 500
MAX_SQL_BYTES = 1 << 20
WITHIN_SECONDS = 15.0
ENV_LINE = re.compile(
    r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*['\"]?(.*?)['\"]?[ \t]*$", re.MULTILINE
)
"""Name and value of a line in a ``.env``."""
IN_PARTS = "tenfold doctor --dir PART"
NAMED = 3
"""Unreadable files that are named one by one."""


def look(
    layout: Layout,
    spec: AppSpec | None,
    unseen: list[Unseen],
    *,
    own: ExternalFacts | None = None,
) -> AppFacts:
    """Parse the app's own files, so many and so long at most. ``own`` is the user's database."""
    root = layout.project
    project = Project(root)
    environment = environment_of(root, spec)
    extensions, postgres = _extensions(spec, own, unseen)
    return AppFacts(
        project=project,
        modules=_modules(project, unseen),
        entry=spec.app.partition(":")[0] if spec and spec.app else None,
        django=django.find(project, environment),
        workers=_workers(spec, frozenset(environment.packages)),
        public=spec is not None and not ipaddress.ip_address(spec.edge.address).is_loopback,
        given={
            "DATABASE_URL": None,
            **({} if spec is not None and spec.redis is None else {"REDIS_URL": None}),
            **_dotenv(root),
            **_given(spec),
            **_kept(layout),
        },
        kept=spec.storage.dirs if spec else (),
        extensions=extensions,
        postgres=postgres,
        own_database=spec is not None and spec.database.url is not None,
        sql=_sql(project),
    )


def _modules(project: Project, unseen: list[Unseen]) -> tuple[Module, ...]:
    deadline = time.monotonic() + WITHIN_SECONDS
    found = (p for p in project.walk(within_seconds=WITHIN_SECONDS) if not project.is_aside(p))
    own = sorted(found, key=lambda path: (len(path.parts), path))
    if time.monotonic() > deadline:
        unseen.append(Unseen("the rest of the folder", "it is too large for one look", IN_PARTS))
    modules: list[Module] = []
    unread: list[str] = []
    for count, path in enumerate(own):
        if count >= MAX_FILES or time.monotonic() > deadline:
            left = f"{len(own) - count} of {len(own)} Python files"
            unseen.append(Unseen(left, "there are too many for one look", IN_PARTS))
            break
        module = project.module(path)
        if module is None:
            unread.append(project.shown(path))
        else:
            modules.append(module)
    if unread:
        unseen.append(_unread(unread))
    return tuple(modules)


def _unread(paths: list[str]) -> Unseen:
    version = platform.python_version()
    more = f" and {len(paths) - NAMED} more" if paths[NAMED:] else ""
    why = f"larger than 1 MiB, or not readable by Python {version}, which runs Tenfold"
    return Unseen(", ".join(paths[:NAMED]) + more, why)


def _workers(spec: AppSpec | None, installed: frozenset[str]) -> int:
    """Processes that serve at once; two where it cannot be known yet."""
    if spec is None:
        return 2
    try:
        pool = stage_10.pool(spec, machine(), app_facts(spec, installed, None))
    except TenfoldError:
        return spec.server.workers if isinstance(spec.server.workers, int) else 2
    assert isinstance(pool.settings, AppSettings)
    return pool.maximum * pool.settings.workers


def _given(spec: AppSpec | None) -> dict[str, str | None]:
    table = spec.env if spec else {}
    return {name: None if references(text) else text for name, text in table.items()}


def _kept(layout: Layout) -> dict[str, str | None]:
    """Names of the secrets that ``tenfold secrets`` keeps."""
    try:
        return dict.fromkeys(app_secrets.load(layout.app_secrets))
    except TenfoldError:  # told as project.secrets-readable
        return {}


def _dotenv(root: Path) -> dict[str, str | None]:
    """What a ``.env`` gives that is part of the release: one that git does not ignore."""
    try:
        tree = git.read(root)
        if tree is not None and ".env" not in (*tree.tracked, *tree.untracked):
            return {}
        return dict(ENV_LINE.findall((root / ".env").read_text("utf-8", "replace")))
    except (TenfoldError, OSError):  # git's complaint is told with the project
        return {}


def _extensions(
    spec: AppSpec | None, own: ExternalFacts | None, unseen: list[Unseen]
) -> tuple[frozenset[str] | None, str]:
    if spec is not None and spec.database.url is not None:
        if own is None or own.examined is None:
            unseen.append(Unseen("extensions", "your own database could not be asked for them"))
            return None, "PostgreSQL"
        version = own.seen.version if own.seen else ""
        return own.examined.extensions, f"your PostgreSQL {version}".rstrip()
    source = spec.database.postgres if spec else "wheel"
    try:
        found = binaries.find(
            prefer_path=source == "path", directory=source if source.startswith("/") else None
        )
    except TenfoldError:  # told as machine.engines
        return None, "PostgreSQL"
    known = found.extensions()
    if known is None:
        where = f"the extensions of PostgreSQL {found.version} in {found.bin_dir}"
        unseen.append(Unseen(where, "its folder of extensions was not found"))
    return known, f"PostgreSQL {found.version} ({found.source})"


def _sql(project: Project) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in sorted(project.walk(".sql", within_seconds=WITHIN_SECONDS))[:MAX_SQL_FILES]:
        try:
            if path.stat().st_size <= MAX_SQL_BYTES and not project.is_aside(path):
                texts[project.shown(path)] = path.read_text("utf-8", "replace")
        except OSError:
            continue  # gone or closed meanwhile; nothing of it can be told
    return texts
