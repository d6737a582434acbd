"""Environments that Tenfold makes itself, of what the project declares, where it has no ``.venv``.

One is named by what it is made of: the content of the files that say it, the Python, the server
that is added. It is made once for all releases that say the same, aside of where it will stand, as
the user that builds run as; then it is copied like any other and never changes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import uv

from tenfold.errors import ReleaseError
from tenfold.release import copying, environment, files, indexes, interpreters, scratch, venv
from tenfold.release.environment import Environment, Found, Progress
from tenfold.release.files import Account
from tenfold.release.interpreters import Interpreter
from tenfold.release.recipes import (
    EDITION,
    TOOLS,
    Act,
    Place,
    Recipe,
    acts,
    adding,
    variables,
    way_out,
)
from tenfold.release.running import Runner
from tenfold.release.source import Source
from tenfold.secret import Secret
from tenfold.spec import packages
from tenfold.spec.packages import Declared
from tenfold.topology.process import Command

# Of what an installer said last; the lines before are seldom about what went wrong.
_TAIL_LINES = 25


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asked: the environment variables that say where packages come from, and how commands are
    run that nobody agreed to yet."""

    environ: Mapping[str, str]
    run: Runner


def python_of(project: Path, caller: Caller) -> Interpreter | None:
    """The Python that an environment would be made from; ``None`` where nothing is declared.

    Raises:
        TenfoldError: a file cannot be read, or no Python of this machine fits.
    """
    declared = packages.find(project)
    if declared is None or has_venv(project):
        return None
    return interpreters.choose(declared.python, project, caller.environ, caller.run)[0]


def has_venv(project: Path) -> bool:
    """Whether the project keeps an environment of its own, which then counts."""
    return (project / ".venv/pyvenv.cfg").is_file()


def find(
    source: Source,
    contents: copying.Contents,
    envs: Path,
    servers: tuple[str, ...],
    caller: Caller,
) -> Found | None:
    """The environment that the project's files amount to; ``None`` where they declare nothing.

    Nothing is made or fetched. ``contents`` are the project's files; ``servers`` see
    :class:`Recipe`.

    Raises:
        TenfoldError: a file cannot be read or is not released, or no Python of this machine fits.
    """
    declared = packages.find(source.root)
    if declared is None:
        return None
    _require_released(declared, source.root, contents)
    python, notes = interpreters.choose(declared.python, source.root, caller.environ, caller.run)
    recipe = Recipe(declared, python, servers)
    key = _key(recipe, contents, envs)
    known = {name: package.version for name, package in declared.packages.items()}
    if recipe.missing:
        known[recipe.missing.partition(">")[0]] = ""
    return Found(
        Environment(
            kind="snapshot",
            hash=key,
            origin=declared.file,
            python=str(envs / key / "bin/python"),
            version=python.version,
            packages=tuple(sorted(known.items())),
        ),
        notes=(*_notes(recipe, envs / key), *notes, *declared.notes),
        recipe=recipe,
    )


def _require_released(declared: Declared, root: Path, contents: copying.Contents) -> None:
    leaving = [*declared.leaving, *(t for t in declared.texts if t.split("/")[0] in ("..", ""))]
    if leaving:
        raise ReleaseError(
            f"{declared.file} names {leaving[0]}, which lies outside of the project",
            next="move it into the project, or make the environment yourself in .venv: what is "
            "installed there from elsewhere is released, too",
        )
    for name in declared.texts:
        if name not in contents:
            raise ReleaseError(
                f"{name} says which packages the app needs, but git ignores it"
                if (root / name).exists()
                else f"{declared.file} names {name}, which is not there",
                next=f"have git track {name}, or make the environment yourself in .venv",
            )


def _key(recipe: Recipe, contents: copying.Contents, envs: Path) -> str:
    """The name of an environment: equal for equal ones, at one place."""
    declared, python = recipe.declared, recipe.python
    # Code that is installed, other than the project's own, which a release brings itself.
    counted = contents if declared.local else {name: contents[name] for name in declared.texts}
    how = (EDITION, declared.kind, declared.file, recipe.missing or "", str(declared.own))
    where = (python.version, str(python.path), str(envs))
    return copying.digest(counted, *how, *where)[:16]


def _notes(recipe: Recipe, final: Path) -> tuple[str, ...]:
    declared, python = recipe.declared, recipe.python.version
    state = "is there already" if environment.is_whole(final) else "will be made"
    count = declared.count
    told = [
        f"no .venv: an environment of the {count} package{'s' * (count != 1)} of {declared.file} "
        f"with Python {python} {state}"
    ]
    if recipe.missing:
        told.append(
            f"{declared.file} names no server, so {recipe.missing} is added; to fix its version, "
            f"add that line"
        )
    if not declared.locked and any(not p.version for p in declared.packages.values()):
        told.append(
            f"{declared.file} leaves versions open: they are chosen once, and stay until it changes"
        )
    return tuple(told)


def keep(
    found: Found,
    source: Source,
    envs: Path,
    run: Runner,
    account: Account | None,
    progress: Progress,
    caller: Caller,
) -> Environment:
    """Make the environment, unless it is there already; gives it with what was installed.

    Args:
        run: how its commands are run, as ``account`` where Tenfold is root.

    Raises:
        ReleaseError: it could not be made, with what the installer said last; nothing is left.
    """
    recipe = found.recipe
    assert recipe is not None
    final = envs / found.environment.hash
    if not environment.is_there(final):
        with scratch.partial(envs) as making:
            place = _place(recipe, making)
            declared = recipe.declared
            whole = declared.own or declared.local
            wanted = source if whole else replace(source, files=tuple(sorted({*declared.texts})))
            copying.copy(wanted, place.folder)
            making.chmod(0o700)
            home = None
            if account is not None:
                files.give(making, account)
                home = _home(envs, account)
            texts = _texts(place, declared)
            _Installer(place, run, progress, caller, texts, home).install(recipe)
            _settle(found, place, envs, run, account, progress)
    return _settled(found, final)


def _place(recipe: Recipe, making: Path) -> Place:
    return Place(
        folder=making / "project",
        environment=making / "environment",
        python=str(recipe.python.path),
        tools=str(interpreters.own().path),
        uv=uv.find_uv_bin(),
    )


def _home(envs: Path, account: Account) -> Path:
    """Where installers keep what they fetched, for a user who has no folder of its own."""
    home = envs.with_name("cache")
    home.mkdir(mode=0o700, exist_ok=True)
    with scratch.real(home) as folder:
        os.fchown(folder, account.uid, account.gid)
    return home


def _texts(place: Place, declared: Declared) -> tuple[str, ...]:
    return tuple((place.folder / name).read_text("utf-8", "replace") for name in declared.texts)


@dataclass(frozen=True, slots=True)
class _Installer:
    place: Place
    run: Runner
    progress: Progress
    caller: Caller
    texts: tuple[str, ...]
    home: Path | None

    def install(self, recipe: Recipe) -> None:
        for act in acts(recipe.declared, self.place):
            self._carry_out(act, recipe)
        installed = venv.read(self.place.environment)
        lacking = recipe.lacks([d.name for d in installed.distributions])
        if lacking:
            self._carry_out(adding(lacking, self.place), recipe)

    def _carry_out(self, act: Act, recipe: Recipe) -> None:
        self.progress(act.what)
        given = self._variables(act, recipe.declared)
        command = replace(act.command, env=given)
        lines: list[str] = []

        def hear(line: str) -> None:
            lines.append(indexes.masked(line, given))
            self.progress(f"{act.what}: {lines[-1].strip()[:80]}")

        done = self.run(command, hear)
        if done.code != 0:
            raise _failed(act, recipe.declared, done.code, lines)

    def _variables(self, act: Act, declared: Declared) -> dict[str, str | Secret]:
        environ = self.caller.environ
        like_pip = indexes.as_pip_knows(environ)
        if not act.as_pip:  # a lock of uv names its indexes; whom to trust is the machine's
            like_pip = {k: v for k, v in like_pip.items() if k == "SSL_CERT_FILE"}
        path = environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        told = variables(declared, self.place, path)
        if self.home is not None:
            told["HOME"] = str(self.home)
        return {**like_pip, **indexes.passed(environ, self.texts), **told}


def _failed(act: Act, declared: Declared, code: int, lines: list[str]) -> ReleaseError:
    said = "\n".join(line for line in lines if line.strip())
    tail = "\n".join(said.splitlines()[-_TAIL_LINES:])
    return ReleaseError(
        f"{act.what} failed: {_tool(act.command)} exited with {code}",
        detail=tail,
        changed="nothing; what was installed so far is removed",
        next=way_out(declared, said),
    )


def _tool(command: Command) -> str:
    words = command.argv[1:]
    if words[0] != "tool":
        return f"uv {words[0]}"
    return next(tool for tool in TOOLS if tool in words)


def _settle(
    found: Found,
    place: Place,
    envs: Path,
    run: Runner,
    account: Account | None,
    progress: Progress,
) -> None:
    """Copy what was installed to its place; the folders of editable installs by their names in the
    project."""
    python = place.environment / "bin/python"
    built = environment.inspect(place.folder, python, envs, run)
    folders = []
    for folder in built.folders:
        if not folder.resolve().is_relative_to(place.folder.resolve()):
            raise ReleaseError(f"the environment imports from {folder}, outside of the project")
        folders.append(folder.resolve().relative_to(place.folder.resolve()))
    planned = found.environment
    named = replace(built.environment, hash=planned.hash, python=planned.python)
    whole = replace(
        built, environment=replace(named, origin=planned.origin), folders=tuple(folders)
    )
    environment.keep(whole, envs, run, account, progress)


def _settled(found: Found, final: Path) -> Environment:
    installed = venv.read(final)
    names = tuple((d.name, d.version) for d in installed.distributions)
    return replace(found.environment, version=installed.version, packages=names)
