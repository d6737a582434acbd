"""The project's folder: ``tenfold.toml``, its environment, what must not be in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tenfold.doctor.facts import ProjectFacts
from tenfold.doctor.model import Seen, check


@check("project.file", "tenfold.toml is missing or wrong", bites="now")
def file(facts: ProjectFacts) -> Iterator[Seen]:
    """Every command reads it. Looked for: what `tenfold up` would refuse it for; every problem has
    its line."""
    if not facts.file:
        yield Seen("there is no tenfold.toml yet", (), "tenfold init", bites=None)
    elif facts.problems is not None:
        what, fix = facts.problems
        yield Seen("tenfold.toml is wrong", tuple(what.splitlines()), fix)


@check("project.variables", "a variable that tenfold.toml takes is not set", bites="now")
def variables(facts: ProjectFacts) -> Iterator[Seen]:
    """`[env]`, `[edge] basic_auth` and the `url` of a database or a Redis of your own take
    `${NAME}` from where `tenfold` is called; `up` remembers it. Looked for: names that are neither
    set here nor remembered."""
    if facts.missing:
        fix = f"{facts.missing[0]}=... tenfold up"
        told = tuple(f"${{{name}}}" for name in facts.missing)
        yield Seen("tenfold.toml wants variables that are not set", told, fix)


@check("project.environment", "the app has no environment of its own", bites="advice")
def environment(facts: ProjectFacts) -> Iterator[Seen]:
    """A virtual environment is copied into each release, or made from a lock or requirements file,
    so that a rollback brings its packages back. Another interpreter is only recorded. Looked for:
    .venv, venv or env in the project, the one that `python` names, files of uv, Poetry, PDM and
    pip."""
    wanted = facts.file and not facts.without_app
    if facts.environment is None and wanted and facts.packages_fault is None:
        fix = "python3 -m venv .venv && .venv/bin/pip install -r requirements.txt"
        yield Seen("the app has no environment of its own", (), fix, bites=None)


@check("project.packages", "the app's packages cannot be made out", bites="now")
def packages(facts: ProjectFacts) -> Iterator[Seen]:
    """Without a virtual environment, one is made from the project's lock or requirements file.
    Looked for: what keeps that file from being read."""
    if facts.packages_fault is not None:
        told = tuple(facts.packages_fault.splitlines())
        yield Seen("the app's packages cannot be made out", told, "correct the file, or make .venv")


@check("project.server", "no server for the app is installed", bites="now")
def server(facts: ProjectFacts) -> Iterator[Seen]:
    """Workers run the server of the app's own environment. Looked for: the packages of servers that
    Tenfold can run."""
    if facts.environment is not None and facts.server is None and facts.wanted:
        told = (f"looked for {' and '.join(facts.wanted)} in {facts.environment}",)
        yield Seen("no server for the app is installed", told, facts.add)


@check("project.entry", "the app's module is not there", bites="now")
def entry(facts: ProjectFacts) -> Iterator[Seen]:
    """Looked for: the module of `app`, in the project, in `pythonpath` and in the environment. One
    that `[release] build` makes is not missed."""
    if facts.entry_missing is not None:
        fix = "correct app in tenfold.toml; code below another folder needs pythonpath"
        yield Seen(f"there is no module {facts.entry_missing}", ("tenfold.toml app",), fix)


@check("project.secrets-readable", "others can read the passwords", bites="now")
def secrets_readable(facts: ProjectFacts) -> Iterator[Seen]:
    """`.tenfold/secrets.json` holds the generated passwords of the database. Looked for: a mode
    that lets others read it."""
    if facts.secrets_open is not None:
        fix = f"chmod 600 {facts.secrets_open}      and consider its passwords known"
        yield Seen("others can read the passwords", (facts.secrets_open,), fix)


@check("project.tracked-secrets", "git keeps a file of secrets", bites="100")
def tracked_secrets(facts: ProjectFacts) -> Iterator[Seen]:
    """What was committed stays in the history, and every release has a copy. Looked for: `.env`
    files and private keys that git tracks; examples (`.env.example`) are fine."""
    if facts.tracked_secrets:
        fix = f"git rm --cached {facts.tracked_secrets[0]}      and new secrets in place of those"
        yield Seen("git keeps files of secrets", facts.tracked_secrets, fix, bites="100")


CHECKS: Final = (
    file, variables, environment, packages, server, entry, secrets_readable, tracked_secrets,
)  # fmt: skip
