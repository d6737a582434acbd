"""Sites that a generator makes: ``[static] build``, run in the project's folder.

It runs as whoever called, with their environment, ``[env]`` and secrets, as it would by hand. Where
Tenfold is root and the project is somebody else's, it runs as that user, from a small environment.
What it writes is taken as it is; see :mod:`tenfold.export.built`.
"""

from __future__ import annotations

import filecmp
import os
import tempfile
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from tenfold.agent.context import base_environment
from tenfold.agent.masking import without
from tenfold.deployment.given import values_given
from tenfold.errors import Locked, Refused, ReleaseError
from tenfold.export import build_faults, built
from tenfold.export.built import Output
from tenfold.export.folder import UNTOUCHED
from tenfold.export.site_links import INDEX
from tenfold.release import files
from tenfold.release.running import Here
from tenfold.secret import Secret
from tenfold.state.lock import Lock
from tenfold.targets.local.account import Account, account_for
from tenfold.topology.process import Command

if TYPE_CHECKING:
    from tenfold.export.built import Built
    from tenfold.export.making import Listener
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

Variables = Mapping[str, str | Secret]

TAIL_LINES: Final = 40
# Where a project's own programs are, before those of the machine.
_PROGRAMS: Final = (".venv/bin", "node_modules/.bin")


def output_of(spec: AppSpec, layout: Layout, place: Path) -> Output:
    """Where build writes, and what is different when that goes wrong: nothing, unless it writes to
    the place of the export itself.

    Raises:
        Refused: the two lie in each other, or the folder leads out of the project.
    """
    build, name = spec.static.build, spec.static.output
    assert build is not None
    assert name is not None
    project = Path(os.path.abspath(layout.project))
    changed = f"{name} may hold a part of a site: build writes there, and nothing is copied"
    output = Output(project, name, build, changed if _same(project / name, place) else UNTOUCHED)
    built.require_inside(output)
    if output.changed == UNTOUCHED and _overlap(output.folder, place):
        raise Refused(
            f"[static] output {name} and the export's place {place} lie in each other",
            next="tenfold export static --into another folder, beside it\n"
            f"tenfold export static --into {name}    takes it as it is, without a copy",
        )
    return output


def in_place(output: Output) -> bool:
    """Whether what build writes is the export, and nothing is copied."""
    return output.changed != UNTOUCHED


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _overlap(one: Path, other: Path) -> bool:
    first, second = Path(os.path.realpath(one)), Path(os.path.realpath(other))
    return first.is_relative_to(second) or second.is_relative_to(first)


@contextmanager
def building(layout: Layout) -> Iterator[None]:
    """Have nobody else run build here meanwhile: two would write into each other's files.

    Raises:
        Locked: somebody does.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(Lock(layout.build_lock).hold("tenfold export static"))
        except Locked as error:
            error.next = "wait for it"
            raise
        yield


def generate(
    layout: Layout,
    spec: AppSpec,
    output: Output,
    known: Mapping[str, Collection[str]],
    listener: Listener,
) -> Built:
    """Run build, and look at what it wrote.

    Args:
        layout: the project.
        spec: its file.
        output: where build writes.
        known: the files of earlier exports, by their places.
        listener: is told how it goes.

    Raises:
        TenfoldError: it failed or wrote nothing that can be a site.
    """
    account = _account(layout)
    variables = _variables(layout, spec, account)
    since = _now_ns(layout.state)
    began = monotonic()
    listener.doing(f"building: {output.build}")
    _run(output, spec.static.build_timeout_seconds, variables, account, listener)
    listener.done(f"built: {output.build}", monotonic() - began)
    return built.look(output, since_ns=since, earlier=_copies(output, known))


def _account(layout: Layout) -> Account | None:
    """The project's owner, where Tenfold is root and they are not."""
    own = layout.project.stat().st_uid in (0, os.geteuid())
    return None if own else account_for(layout.project)


def _variables(layout: Layout, spec: AppSpec, account: Account | None) -> Variables:
    given = values_given(spec, layout, served=None, renew=False)
    base = dict(os.environ)
    if account is not None:
        base = account.environment(base_environment(), layout.project)
    own = [str(layout.project.absolute() / folder) for folder in _PROGRAMS]
    path = os.pathsep.join([*own, base.get("PATH", os.defpath)])
    return {**base, "PYTHONUNBUFFERED": "1", **given.variables, **given.urls, "PATH": path}


def _now_ns(folder: Path) -> int:
    """The time as the file system counts it, which a clock is a little ahead of."""
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\n")
        file.flush()
        return os.fstat(file.fileno()).st_ctime_ns


def _run(
    output: Output,
    seconds: float,
    variables: Variables,
    account: Account | None,
    listener: Listener,
) -> None:
    said: deque[str] = deque(maxlen=TAIL_LINES)

    def hear(line: str) -> None:
        text = without(build_faults.plain(line), variables)
        if text.strip():
            said.append(text)
            listener.doing(text.strip())

    command = Command(
        ("/bin/sh", "-c", output.build),
        env=variables,
        cwd=str(output.project),
        within_seconds=seconds,
    )
    try:
        done = _as(account)(command, hear)
    except ReleaseError as error:
        tail = "\n".join(said) or error.what
        raise build_faults.overdue(output.build, seconds, tail, output.changed) from error
    if done.code != 0:
        raise build_faults.failed(output.build, done.code, "\n".join(said), output.changed)


def _as(account: Account | None) -> Here:
    return Here(None if account is None else files.Account(account.uid, account.gid))


def _copies(output: Output, known: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Files of an earlier export that a generator took for sources, and copied: below the folder.

    A folder of that name may be the site's own; one with the same first page is not.
    """
    for place, names in known.items():
        if not Path(place).is_relative_to(output.project):
            continue
        below = Path(place).relative_to(output.project)
        first, copy = Path(place, INDEX), output.folder / below / INDEX
        try:
            same = filecmp.cmp(first, copy, shallow=False)
        except OSError:
            continue
        if same:
            yield from (f"{below}/{name}" for name in names)
