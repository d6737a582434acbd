"""Which Python of this machine an environment is made from. None is ever fetched."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold import trusted
from tenfold.errors import ReleaseError
from tenfold.release.running import Runner
from tenfold.spec.packages.declared import PythonWish
from tenfold.topology.process import Command

_NAME = re.compile(r"python(3\.\d+)")
_FOLDER = re.compile(r"(?:cpython-)?(3\.\d+\.\d+)(?:[-+].*)?")
_ASK = "import platform; print(platform.python_version())"
_ASK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python outside of every virtual environment; ``version`` with its patch level."""

    path: Path
    version: str


def own() -> Interpreter:
    """The one that Tenfold's environment was made from."""
    base = getattr(sys, "_base_executable", None) or sys.executable
    return Interpreter(Path(base), platform.python_version())


def choose(
    wish: PythonWish, project: Path, environ: Mapping[str, str], run: Runner
) -> tuple[Interpreter, tuple[str, ...]]:
    """The Python that fits, and what should be said of it: Tenfold's own, if that one does.

    Raises:
        ReleaseError: none on this machine fits.
    """
    mine = own()
    if wish.allows(mine.version) and wish.names(mine.version):
        return mine, ()
    others = [*_others(wish, project, environ, run)]
    fitting = [i for i in others if wish.allows(i.version)]
    named = [i for i in fitting if wish.names(i.version)]
    if named:
        return named[0], ()
    rest = [mine] if wish.allows(mine.version) else fitting
    if not rest:
        raise _none(wish, [mine, *others])
    return rest[0], (_instead(wish, rest[0]),)


def _instead(wish: PythonWish, found: Interpreter) -> str:
    return (
        f"{wish.pinned_in} says Python {wish.pinned}, which is not on this machine: "
        f"{found.version} is used"
    )


def _none(wish: PythonWish, known: list[Interpreter]) -> ReleaseError:
    versions = ", ".join(dict.fromkeys(i.version for i in known))
    wanted = " or ".join(map(str, wish.any_of))
    return ReleaseError(
        f"{wish.where} asks for Python {wanted}, and this machine has {versions}",
        next="install one that fits, for example  uv python install, or make the environment "
        "yourself:  python3.X -m venv .venv",
    )


def _others(
    wish: PythonWish, project: Path, environ: Mapping[str, str], run: Runner
) -> Iterator[Interpreter]:
    """The Pythons that could do, the newest first, each asked for its version."""
    found = {p: v for p, v in _candidates(environ) if _may_fit(wish, v)}
    for path in sorted(found, key=lambda p: (_numbers(found[p]), str(p)), reverse=True):
        if _is_for_root(path, project):
            command = Command((str(path), "-I", "-c", _ASK), cwd="/", within_seconds=_ASK_SECONDS)
            version = _version(run, command)
            if version is not None:
                yield Interpreter(path, version)


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[Path, str]]:
    """Programs on ``PATH`` by their names; what pyenv and uv keep by the names of its folders."""
    for folder in map(Path, environ.get("PATH", os.defpath).split(":")):
        if folder.is_absolute() and folder.is_dir():
            for path in folder.glob("python3.*"):
                named = _NAME.fullmatch(path.name)
                if named:
                    yield path, named[1]
    for kept in _kept(environ):
        for path in kept.glob("*/bin/python3"):
            found = _FOLDER.fullmatch(path.parents[1].name)
            if found:
                yield path, found[1]


def _kept(environ: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environ.get("HOME", "/"))
    yield Path(environ.get("PYENV_ROOT", home / ".pyenv")) / "versions"
    data = Path(environ.get("XDG_DATA_HOME", home / ".local/share"))
    yield Path(environ.get("UV_PYTHON_INSTALL_DIR", data / "uv/python"))


def _may_fit(wish: PythonWish, version: str) -> bool:
    """Whether a Python that is called so could be allowed; its patch level may not be known."""
    numbers = _numbers(version)
    if len(numbers) > 2:
        return wish.allows(version)
    return any(wish.allows(f"{version}.{patch}") for patch in (0, 99))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(n) for n in re.findall(r"\d+", version))


def _is_for_root(path: Path, project: Path) -> bool:
    """Whether Tenfold, which may be root and was not told to change anything yet, may ask it."""
    if os.geteuid() != 0:
        return True
    real = path.resolve()
    return not real.is_relative_to(project.resolve()) and trusted.doubt(path) is None


def _version(run: Runner, command: Command) -> str | None:
    """What it says; ``None`` for one that does not run, as stand-ins for others do not."""
    try:
        done = run(command)
    except ReleaseError:
        return None
    text = done.tail.strip().splitlines()[-1:]
    said = text[0] if done.code == 0 and text else ""
    return said if re.fullmatch(r"3\.\d+\.\d+\S*", said) else None
