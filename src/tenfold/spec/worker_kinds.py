"""What is known of a worker by its command: which signal it heeds, and whether there may be two.

The signals are those by which each program finishes the jobs in hand and ends. Sources: the pages
on workers of the manuals of Celery 5 (TERM: warm shutdown), RQ 2 (TERM: finishes the job in hand),
Dramatiq 2 (TERM), Huey 3 (INT is graceful, TERM is not), Django Q2 and django-tasks (TERM),
Procrastinate 3 (TERM), arq and taskiq (TERM).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename
from typing import Final

_RUNNERS: Final[Mapping[str, tuple[str, ...]]] = {
    "uv": ("run",),
    "poetry": ("run",),
    "pipenv": ("run",),
    "pdm": ("run",),
    "exec": (),
}

_MANAGE: Final = ("manage.py", "django-admin", "django")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of worker; ``single``: two of them at once would do things twice."""

    name: str
    stop_signal: str = "SIGTERM"
    single: bool = False


UNKNOWN: Final = "command"
_OF_PROGRAM: Final[Mapping[tuple[str, ...], Kind]] = {
    ("celery", "worker"): Kind("celery"),
    ("celery", "beat"): Kind("celery beat", single=True),
    ("rq", "worker"): Kind("rq"),
    ("rq", "worker-pool"): Kind("rq"),
    ("rqworker",): Kind("rq"),
    ("rqscheduler",): Kind("rq scheduler", single=True),
    ("dramatiq",): Kind("dramatiq"),
    ("rundramatiq",): Kind("dramatiq"),
    ("periodiq",): Kind("dramatiq scheduler", single=True),
    ("huey_consumer",): Kind("huey", "SIGINT", single=True),
    ("huey_consumer.py",): Kind("huey", "SIGINT", single=True),
    ("huey.bin.huey_consumer",): Kind("huey", "SIGINT", single=True),
    ("run_huey",): Kind("huey", "SIGINT", single=True),
    ("qcluster",): Kind("django-q"),
    ("db_worker",): Kind("django-tasks"),
    ("procrastinate", "worker"): Kind("procrastinate"),
    ("arq",): Kind("arq"),
    ("taskiq", "worker"): Kind("taskiq"),
    ("taskiq", "scheduler"): Kind("taskiq scheduler", single=True),
}


def kind_of(command: str, count: int = 1) -> Kind:
    """The kind of a worker's command. Of one that is not recognised there are never two at once,
    unless the file asks for several."""
    words = _without_runner(shlex.split(command))
    program, rest = basename(words[0]) if words else "", words[1:]
    for name, kind in _OF_PROGRAM.items():
        if program == name[0] and (len(name) == 1 or name[1] in rest):
            return _with_options(kind, rest)
    return Kind(UNKNOWN, single=count == 1)


def _without_runner(words: list[str]) -> list[str]:
    """``python -m celery``, ``python manage.py run_huey`` and ``uv run rq`` as what they run."""
    while words:
        program = basename(words[0])
        follows = _RUNNERS.get(program)
        if follows is not None and words[1 : 1 + len(follows)] == list(follows):
            words = words[1 + len(follows) :]
        elif program.startswith("python") and words[1:2] == ["-m"]:
            words = words[2:]
        elif words[1:] and (program.startswith("python") or program in _MANAGE):
            words = words[1:]
        else:
            return words
    return words


def _with_options(kind: Kind, rest: list[str]) -> Kind:
    if kind.name == "celery" and {"-B", "--beat"} & set(rest):
        return Kind("celery with beat", single=True)
    if kind.name == "huey" and {"-n", "--no-periodic"} & set(rest):
        return Kind("huey", kind.stop_signal)
    return kind
