"""What a command of ``tenfold.toml`` needs and is not there: programs, modules, packages."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tenfold.deployment.releases import SYSTEM_PATH
from tenfold.spec.detect.installed import Installed

_PACKAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "celery": ("celery",),
    "rq": ("rq",),
    "rqscheduler": ("rq-scheduler",),
    "dramatiq": ("dramatiq",),
    "periodiq": ("periodiq",),
    "huey_consumer": ("huey",),
    "huey_consumer.py": ("huey",),
    "procrastinate": ("procrastinate",),
    "arq": ("arq",),
    "taskiq": ("taskiq",),
    "rqworker": ("django-rq",),
    "rundramatiq": ("django-dramatiq",),
    "run_huey": ("huey",),
    "qcluster": ("django-q2", "django-q"),
    "db_worker": ("django-tasks-db", "django-tasks"),
    "gunicorn": ("gunicorn",),
    "uvicorn": ("uvicorn",),
    "hypercorn": ("hypercorn",),
    "granian": ("granian",),
    "daphne": ("daphne",),
    "waitress-serve": ("waitress",),
}
"""Programs, and commands of ``manage.py``, with the packages that bring them."""
_RUNNERS: Final = ("uv", "poetry", "pdm", "pipenv", "hatch")
Lack = tuple[str, str]


def lacking(
    root: Path, pythonpath: Sequence[str], environment: Installed, command: str
) -> Lack | None:
    """What is missing and what to do; ``None`` if nothing is, or it cannot be known."""
    words = shlex.split(command)
    return (
        _program(root, environment, words)
        or _script(root, environment, words)
        or _module(root, pythonpath, environment, words)
    )


def _program(root: Path, environment: Installed, words: Sequence[str]) -> Lack | None:
    program = words[0]
    if "/" in program:
        # What the build makes is told as it fails; of the project's own files it is known.
        lies = Path(program).is_absolute() or (root / program).exists()
        return None if lies else (f"there is no {program} in the project", "correct the command")
    if _is_python(program) or _on_path(environment, program):
        return None
    if program in _RUNNERS:
        rest = words[2:] if words[1:2] == ["run"] else words[1:]
        fix = f'command = "{shlex.join(rest)}"      the release has its own environment'
        return f"a release has no {program}", fix
    if environment.root is not None:
        return f"{environment.place} has no {program}", _add(environment, program)
    declared = environment.declared
    if declared is not None and declared.locked and _without(environment, program):
        return f"{declared.file} has no {program}", _add(environment, program)
    return None


def _is_python(program: str) -> bool:
    return program.startswith("python")


def _on_path(environment: Installed, program: str) -> bool:
    folders = [Path(folder) for folder in SYSTEM_PATH.split(":")]
    if environment.root is not None:
        folders.insert(0, environment.root / "bin")
    return any((folder / program).exists() for folder in folders)


def _without(environment: Installed, program: str) -> bool:
    """Whether none of the packages is there that are known to bring a program."""
    packages = _PACKAGES.get(program, ())
    return bool(packages) and environment.any(*packages) is None


def _add(environment: Installed, program: str) -> str:
    return environment.how_to_add(_PACKAGES.get(program, (program,))[0])


def _script(root: Path, environment: Installed, words: Sequence[str]) -> Lack | None:
    """``python manage.py rqworker``: the file, and the package that brings the command."""
    if not _is_python(words[0]) or len(words) < 2 or not words[1].endswith(".py"):
        return None
    if not (root / words[1]).is_file():
        return f"there is no {words[1]} in the project", "correct the command"
    if Path(words[1]).name != "manage.py" or len(words) < 3:
        return None
    if not _is_complete(environment) or not _without(environment, words[2]):
        return None
    if any(root.glob(f"**/management/commands/{words[2]}.py")):
        return None
    return f"{environment.place} has nothing that brings {words[2]}", _add(environment, words[2])


def _is_complete(environment: Installed) -> bool:
    """Whether every package of the environment is known."""
    declared = environment.declared
    return environment.root is not None or (declared is not None and declared.locked)


def _module(
    root: Path, pythonpath: Sequence[str], environment: Installed, words: Sequence[str]
) -> Lack | None:
    for name in _modules(words):
        if module_missing(root, pythonpath, environment, name.partition(".")[0]):
            return f"there is no module {name}", "correct the command; or pythonpath"
    return None


def _modules(words: Sequence[str]) -> list[str]:
    """Modules that a command names: after ``-m``, and after ``-A`` of Celery."""
    found: list[str] = []
    if _is_python(words[0]) and words[1:2] == ["-m"]:
        found += words[2:3]
    if any(Path(word).name == "celery" for word in words[:3]):
        for place, word in enumerate(words):
            if word in ("-A", "--app"):
                found += words[place + 1 : place + 2]
            elif word.startswith("--app="):
                found.append(word.removeprefix("--app="))
    return [name.partition(":")[0] for name in found]


def module_missing(
    root: Path, pythonpath: Sequence[str], environment: Installed, module: str
) -> bool:
    """Whether a dotted module is neither in the project nor in the environment, as far as known."""
    parts = module.split(".")
    own = [root, *(root / path for path in pythonpath)]
    if _is_there(own, parts) or parts[0] in sys.stdlib_module_names:
        return False
    is_own = any((place / parts[0]).exists() for place in own)
    if environment.root is None:
        return is_own or environment.declared is None
    installed = [*environment.root.glob("lib/*/site-packages")]
    if not is_own and any(any(place.glob("*.pth")) for place in installed):
        return False  # an editable install may lead anywhere
    return not _is_there(installed, parts)


def _is_there(places: Sequence[Path], parts: Sequence[str]) -> bool:
    bases = [place.joinpath(*parts) for place in places]
    return any(base.is_dir() or any(base.parent.glob(f"{parts[-1]}.*")) for base in bases)
