"""From a project to a release: its files, the environment, the build command, then immutable.

A release is made aside, as ``<random>.partial``, and is there at once when it is renamed; whatever
interrupts a build leaves a partial that the next build removes. Several builds may run at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path

from tenfold.errors import ReleaseError
from tenfold.release import (
    checks,
    copying,
    environment,
    exported,
    files,
    layout,
    made,
    record,
    scratch,
    storage,
)
from tenfold.release.environment import Progress
from tenfold.release.files import Account
from tenfold.release.record import Provenance, Release
from tenfold.release.running import Runner
from tenfold.release.source import Source, survey
from tenfold.release.store import Store
from tenfold.secret import Secret
from tenfold.spec.model import AppSpec
from tenfold.topology.process import Command

Variables = Mapping[str, str | Secret]
_BUILD_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Preview:
    """What :func:`build` would make of the project as it is now.

    ``exists`` tells that this very release is there already.
    """

    id: str
    digest: str
    source: Source
    found: environment.Found
    layout: layout.Layout
    bytes: int
    exists: Release | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the person who deploys should know."""
        return (*self.source.notes, *self.found.notes, *self.layout.notes)


def preview(
    spec: AppSpec,
    project: Path,
    state: Path,
    *,
    run: Runner,
    runtime: Mapping[str, bytes] | None = None,
    servers: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> Preview:
    """Look at the project; nothing is written.

    Args:
        run: runs an interpreter that is asked what it is.
        runtime: see :func:`build`.
        servers: requirements of which the app needs one; see :class:`.recipes.Recipe`.
        environ: the caller's variables, for an environment that is to be made.

    Raises:
        ReleaseError: the project cannot be released as it is.
    """
    with scratch.worded(project):
        caller = made.Caller(environ or {}, run)
        return _look(spec, project.resolve(), Store(state), caller, runtime or {}, servers)


def _look(
    spec: AppSpec,
    project: Path,
    store: Store,
    caller: made.Caller,
    runtime: Mapping[str, bytes],
    servers: tuple[str, ...],
) -> Preview:
    source = survey(project, (*spec.storage.dirs, *exported.folders(store.state, project)))
    contents = copying.fingerprint(source)
    found = None
    if spec.python is None and not made.has_venv(project):
        found = made.find(source, contents, store.envs, servers, caller)
    if found is None:
        python = environment.interpreter(project, spec.python)
        found = environment.inspect(project, python, store.envs, caller.run)
    arranged = layout.arrange(project, spec.pythonpath, found.folders)
    for extra in arranged.extras:
        contents = {**contents, **layout.below(extra.name, copying.fingerprint(extra.source))}
    digest = _digest(spec, contents, found, arranged, runtime)
    exists = _same(store, digest, source)
    return Preview(
        id=exists.id if exists else _free_id(store, digest, source),
        digest=digest,
        source=source,
        found=found,
        layout=arranged,
        bytes=copying.total_bytes(contents),
        exists=exists,
    )


def build(
    spec: AppSpec,
    project: Path,
    state: Path,
    *,
    run: Runner,
    progress: Progress | None = None,
    runtime: Mapping[str, bytes] | None = None,
    variables: Variables | None = None,
    account: Account | None = None,
    servers: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
    now: Callable[[], float] = time.time,
) -> Release:
    """Make the release of the project as it is now, or give the one that is there already.

    Args:
        run: runs the interpreter and the build command; where Tenfold is root, as somebody else.
        runtime: files that Tenfold adds to the app's process, by relative path.
        variables: environment variables for the build command.
        account: whom ``run`` runs commands as, where Tenfold is root; builds write as it, and the
            finished release is read by it.
        servers, environ: see :func:`preview`.

    Raises:
        ReleaseError: nothing was changed, and the text says why.
    """
    store, told = Store(state), progress or (lambda text: None)
    started = now()
    with scratch.worded(store.state), store.building():
        seen = preview(
            spec, project, state, run=run, runtime=runtime, servers=servers, environ=environ
        )
        if seen.exists is not None:
            told(f"release {seen.id} is there already")
            return seen.exists
        job = _Job(spec, seen, store, run, told, account)
        kept, paths = _environment(job, made.Caller(environ or {}, run))
        told(f"copying {len(seen.source.files):,} files, {seen.source.sentence}")
        with scratch.partial(store.releases_dir) as making:
            with scratch.room(making, seen.bytes):
                digest = _copy(job, making, runtime or {})
                draft = replace(_draft(job, making, kept, digest), paths=paths)
                _run_build(job, draft, variables or {})
                _compile(job, draft)
                checks.check(spec, draft, seen.source.root)
                checks.check_kept(spec, draft, job.store.storage)
                _freeze(job, making)
            number, size = files.measure(making, without=record.FILE_NAME)
            ended = now()
            whole = replace(
                draft, files=number, bytes=size, built_at=ended, build_seconds=ended - started
            )
            return _settle(job, whole, making)


@dataclass(frozen=True, slots=True)
class _Job:
    spec: AppSpec
    seen: Preview
    store: Store
    run: Runner
    progress: Progress
    account: Account | None


def _environment(job: _Job, caller: made.Caller) -> tuple[environment.Environment, tuple[str, ...]]:
    """The environment at its place, and the import directories of a release that runs in it."""
    seen, envs = job.seen, job.store.envs
    if seen.found.recipe is None:
        kept = environment.keep(seen.found, envs, job.run, job.account, job.progress)
        return kept, seen.layout.paths
    kept = made.keep(seen.found, seen.source, envs, job.run, job.account, job.progress, caller)
    root = seen.source.root
    folders = [root / folder for folder in environment.folders_of(kept.directory)]
    return kept, layout.arrange(root, job.spec.pythonpath, folders).paths


def _copy(job: _Job, making: Path, runtime: Mapping[str, bytes]) -> str:
    """Everything to its place; gives the digest of what was copied.

    It differs from the preview's when the project changed in between, and it is the true one.
    """
    seen = job.seen
    contents = copying.copy(seen.source, making / "app")
    for extra in seen.layout.extras:
        copied = copying.copy(extra.source, making / extra.name)
        contents = {**contents, **layout.below(extra.name, copied)}
    for directory in job.spec.storage.dirs:
        storage.link(making / "app", job.store.storage, directory)
    layout.write(runtime, making / "runtime")
    file = seen.source.root / "tenfold.toml"
    if file.is_file():
        layout.write({file.name: file.read_bytes()}, making)
    return _digest(job.spec, contents, seen.found, seen.layout, runtime)


def _draft(job: _Job, making: Path, kept: environment.Environment, digest: str) -> Release:
    source = job.seen.source
    return Release(
        id=_free_id(job.store, digest, source),
        directory=making,
        digest=digest,
        provenance=Provenance(
            kind=source.kind,
            commit=source.commit,
            changed=source.changed,
            untracked=source.untracked,
            sentence=source.sentence,
        ),
        environment=kept,
        paths=job.seen.layout.paths,
        assets=tuple(sorted(job.spec.static.assets.items())),
        built_at=0.0,
        build_seconds=0.0,
        files=0,
        bytes=0,
        notes=job.seen.notes,
    )


def _run_build(job: _Job, draft: Release, variables: Variables) -> None:
    text = job.spec.release.build
    if job.account is not None:
        for part in _parts(draft.directory):
            files.give(part, job.account)
    if text is None:
        return
    job.progress(f"building: {text}")
    env = {**variables, **draft.environ(os.environ.get("PATH", os.defpath))}
    argv = ("/bin/sh", "-c", text)
    done = job.run(Command(argv, env=env, cwd=str(draft.app), within_seconds=_BUILD_SECONDS))
    if done.code != 0:
        raise ReleaseError(
            f"[release] build exited with {done.code}: {text}",
            next="make it work in the project, then try again",
            detail=done.tail,
        )


def _compile(job: _Job, draft: Release) -> None:
    """Bytecode for all code, for nobody can write it later. Never fails: imports tell it better."""
    final = job.store.releases_dir / draft.id
    for part in _parts(draft.directory):
        job.run(
            environment.compile_command(
                draft.python, part, draft.directory, final, "unchecked-hash"
            )
        )


def _freeze(job: _Job, making: Path) -> None:
    for part in _parts(making):
        files.freeze(part, job.account)


def _parts(directory: Path) -> Iterator[Path]:
    names = ("app", "extra", "runtime")
    return (directory / name for name in names if (directory / name).is_dir())


def _settle(job: _Job, release: Release, making: Path) -> Release:
    """Write the record and put the release at its place, under another id if that one is taken.

    Gives way to the same release when somebody else was faster.
    """
    while True:
        other = _same(job.store, release.digest, job.seen.source)
        if other is not None:
            return other
        settled = replace(release, directory=job.store.releases_dir / release.id)
        scratch.write_durably(making / record.FILE_NAME, record.to_json(settled))
        if scratch.settle(making, settled.directory):
            return settled
        release = replace(release, id=_free_id(job.store, release.digest, job.seen.source))


def _same(store: Store, digest: str, source: Source) -> Release | None:
    """A whole release of the same content that came from the same commit."""
    for release in store.releases():
        known = release.provenance
        same = release.digest == digest and known.commit == source.commit
        if same and known.dirty == source.dirty and store.is_usable(release):
            return release
    return None


def _free_id(store: Store, digest: str, source: Source) -> str:
    """``4f2c1d9`` for a clean commit, ``4f2c1d9-a1b2c3`` for a dirty one, else ``a1b2c3d4``.

    A clean commit whose environment has changed since gets the longer id, too.
    """
    short = source.commit[:7] if source.commit else None
    long = f"{short}-{digest[:6]}" if short else digest[:8]
    ids = [short] if short and not source.dirty else []
    candidates = chain(ids, [long], (f"{long}-{n}" for n in count(2)))
    return next(id for id in candidates if not (store.releases_dir / id).exists())


def _digest(
    spec: AppSpec,
    contents: copying.Contents,
    found: environment.Found,
    arranged: layout.Layout,
    runtime: Mapping[str, bytes],
) -> str:
    """What a release is made of; equal digests make equal releases."""
    made = {path: hashlib.sha256(raw).hexdigest() for path, raw in sorted(runtime.items())}
    how = {
        "environment": found.environment.hash,
        "paths": arranged.paths,
        "runtime": made,
        "build": spec.release.build,
        "assets": dict(spec.static.assets),
        # The values as they are written: those of the caller's environment are not ours to keep.
        "env": dict(spec.env) if spec.release.build else None,
        **({"storage": spec.storage.dirs} if spec.storage.dirs else {}),
    }
    return copying.digest(contents, json.dumps(how, sort_keys=True))
