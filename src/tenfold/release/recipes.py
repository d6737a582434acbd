"""How packages are installed, tool by tool: argument lists and variables, nothing is run here.

uv installs everything. It reads its own lock, the common ``pylock.toml``, requirements and
``pyproject.toml``; what the locks of Poetry and PDM mean is said by Poetry and PDM, which uv
fetches for it, as requirements with hashes.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.release.interpreters import Interpreter
from tenfold.spec.packages import Declared
from tenfold.topology.process import Command

# What the commands below mean; a change makes every environment anew.
EDITION = "1"
# From the first versions that are tried with the commands below to the next that may break them.
TOOLS: Mapping[str, tuple[str, ...]] = {
    "poetry": ("poetry>=2.1,<3", "poetry-plugin-export>=1.9,<2"),
    "pdm": ("pdm[locked]>=2.24,<3",),
}
# What Poetry and PDM write down for uv, with logins of private indexes perhaps.
EXPORTED = ".tenfold-requirements.txt"
_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an environment is to be made of. ``servers`` are requirements, of which the app needs
    one: the first is added where the project names none of them."""

    declared: Declared
    python: Interpreter
    servers: tuple[str, ...] = ()

    @property
    def missing(self) -> str | None:
        """The requirement that is added, as far as the project's files tell."""
        names = [_name(requirement) for requirement in self.servers]
        return None if not names or any(map(self.declared.has, names)) else self.servers[0]

    def lacks(self, installed: Collection[str]) -> str | None:
        """The requirement that is added, once it is known what was installed."""
        names = {_name(requirement) for requirement in self.servers}
        return None if not names or names & {*installed} else self.servers[0]


def _name(requirement: str) -> str:
    return re.split(r"[<>=!~\[]", requirement)[0]


@dataclass(frozen=True, slots=True)
class Place:
    """Where to install: ``folder`` holds the project's files, ``environment`` is to be made of
    ``python``. ``tools`` is the interpreter of the installers themselves."""

    folder: Path
    environment: Path
    python: str
    tools: str
    uv: str


@dataclass(frozen=True, slots=True)
class Act:
    """One command: ``what`` it does, for whoever waits. ``as_pip`` says that it asks the indexes
    that pip would ask; a lock of uv names its own."""

    what: str
    command: Command
    as_pip: bool = False


def acts(declared: Declared, place: Place) -> tuple[Act, ...]:
    """The commands that make the environment, in order."""
    return (_empty(place), *_install(declared, place))


def adding(requirement: str, place: Place) -> Act:
    """The command that adds one package to the environment."""
    return _pip(place, f"adding {requirement}", requirement)


def _empty(place: Place) -> Act:
    argv = ("venv", "--quiet", "--no-project", "--no-config", "--python", place.python)
    return _act(place, "making an empty environment", *argv, str(place.environment))


def _install(declared: Declared, place: Place) -> tuple[Act, ...]:
    what = f"installing {declared.file}"
    match declared.kind:
        case "uv":
            argv = ("sync", "--locked", "--no-dev", "--python", place.python)
            return (_act(place, what, *argv),)
        case "poetry":
            return (*_exported_by_poetry(declared, place), *_exported(declared, place))
        case "pdm":
            return (*_exported_by_pdm(place), *_exported(declared, place))
        case "pylock" | "requirements":
            return (_pip(place, what, "--requirement", declared.file),)
        case "pyproject":
            source = ("--editable", ".") if declared.own else ("--requirement", declared.file)
            return (_pip(place, what, *source),)


def _pip(place: Place, what: str, *arguments: str) -> Act:
    python = str(place.environment / "bin/python")
    return _act(place, what, "pip", "install", "--python", python, *arguments, as_pip=True)


def _exported_by_poetry(declared: Declared, place: Place) -> tuple[Act, ...]:
    asks_nothing = ("--no-interaction", "--no-ansi")
    lock = _tool(place, "poetry", "lock", *asks_nothing)
    options = ("--only", "main", "--with-credentials", "--output", EXPORTED)
    export = _tool(place, "poetry", "export", *options, *asks_nothing)
    return (export,) if declared.locked else (lock, export)


def _exported_by_pdm(place: Place) -> tuple[Act, ...]:
    """PDM exports from a lock that is out of date as well, so it is asked before."""
    export = ("export", "--prod", "--expandvars", "--output", EXPORTED)
    return (_tool(place, "pdm", "lock", "--check"), _tool(place, "pdm", *export))


def _exported(declared: Declared, place: Place) -> tuple[Act, ...]:
    what = f"installing {declared.file}"
    others = _pip(place, what, "--requirement", EXPORTED)
    own = _pip(place, "installing the project itself", "--no-deps", "--editable", ".")
    return (others, own) if declared.own else (others,)


def _tool(place: Place, tool: str, *arguments: str) -> Act:
    source = [word for package in TOOLS[tool][1:] for word in ("--with", package)]
    argv = ("tool", "run", "--python", place.tools, "--from", TOOLS[tool][0], *source, tool)
    return _act(place, f"{tool} {arguments[0]}", *argv, *arguments, as_pip=True)


def _act(place: Place, what: str, *arguments: str, as_pip: bool = False) -> Act:
    command = Command((place.uv, *arguments), cwd=str(place.folder), within_seconds=_SECONDS)
    return Act(what, command, as_pip)


def variables(declared: Declared, place: Place, path: str) -> dict[str, str]:
    """What makes every tool install there, ask nothing, fetch no Python and draw no progress.

    A project whose version is that of its last tag has none here, for a release has no history.
    """
    environment = str(place.environment)
    name = re.sub(r"[-_.]+", "_", declared.name).upper()
    return {
        **({f"SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{name}": "0"} if name else {}),
        "PATH": f"{environment}/bin:{path}",
        "VIRTUAL_ENV": environment,
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "UV_PROJECT_ENVIRONMENT": environment,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "POETRY_VIRTUALENVS_CREATE": "false",
        "PDM_IGNORE_SAVED_PYTHON": "1",
        "PDM_CHECK_UPDATE": "false",
    }


def way_out(declared: Declared, said: str) -> str:
    """What to do about an installation that failed, as far as its words tell."""
    if declared.locked and _STALE.search(said):
        renew = {"uv": "uv lock", "poetry": "poetry lock", "pdm": "pdm lock"}.get(declared.kind)
        return f"{declared.file} does not fit pyproject.toml any more:  {renew}, then try again"
    if _HASH.search(said):
        return (
            f"what the index has is not what {declared.file} was made from: find out why, and "
            "make the file anew only if you know"
        )
    if _UNREACHABLE.search(said):
        return "see that this machine reaches the index, then try again"
    return (
        f"make {declared.file} installable, or make the environment yourself: what is in .venv "
        "is used as it is"
    )


_STALE = re.compile(
    r"needs to be updated|changed significantly since|not up[- ]to[- ]date|out of date"
    r"|hash doesn't match|lock file is outdated|Run `(?:poetry|pdm) lock`",
    re.IGNORECASE,
)
_HASH = re.compile(r"hash mismatch|do not match the hash|hashes? .*(?:mismatch|not match)", re.I)
_UNREACHABLE = re.compile(
    r"failed to fetch|dns error|connection (?:refused|error|reset)|all attempts to connect"
    r"|timed out|network is unreachable|name resolution|tls handshake|401|403 Forbidden",
    re.IGNORECASE,
)
