"""Exports of a static site: of an app's own pages, or of what a generator makes.

For pages, the release that is asked is what a deploy of the project would serve, built the same
way; it runs in its own environment, as the user that the app would run as, as a child of this
command. It gets ``[env]`` and secrets; of a site that runs also its database. There need be no
site, and none is begun. For a generator see :mod:`tenfold.deployment.generating`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from tenfold.deployment import generating, shelf
from tenfold.deployment.deployment import Deployment, needed
from tenfold.deployment.given import Given, values_given
from tenfold.deployment.intent import machine
from tenfold.deployment.releases import ReleaseKeeper
from tenfold.deployment.work import serving
from tenfold.errors import ExportError, Interrupted, Refused
from tenfold.export import built, folder
from tenfold.export.findings import Report
from tenfold.export.making import Listener, Order, make, require_strict, site_of
from tenfold.export.moves import Move
from tenfold.export.wishes import Wishes
from tenfold.release.pages import FILES
from tenfold.release.running import Here
from tenfold.release.store import Store
from tenfold.runtime.package import LAUNCHER
from tenfold.secret import Secret
from tenfold.spec import read
from tenfold.stages.path import WITHOUT_APP
from tenfold.state import private
from tenfold.state.layout import title
from tenfold.targets.local.target import LocalTarget
from tenfold.topology.process import Command
from tenfold.transitions.perform import one_off
from tenfold.wiring.rendering import RenderSettings

if TYPE_CHECKING:
    from tenfold.engines.protocol import ReleasePlace
    from tenfold.export.folder import Draft
    from tenfold.spec.model import AppSpec
    from tenfold.state.layout import Layout

Variables = Mapping[str, str | Secret]

DEFAULT_FOLDER = "dist"
MARK = "TENFOLD_EXPORT"
"""The variable by which an app can tell that it is asked for files."""
KEPT_RELEASES = 5
MOST_ABREAST = 4
_RUNNING = ("running", "degraded", "in-transition")


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line says; ``into`` is the folder, ``replace`` lets go what others wrote.

    ``own``: the folder is among what Tenfold keeps, new, and nobody else's.
    """

    into: Path | None = None
    twice: bool = True
    strict: bool = False
    replace: bool = False
    own: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What was exported, of which release, and where it is.

    ``release`` is ``None`` for a site that a generator made: it is made from the project as it
    lies there, and of no release.
    """

    title: str
    release: str | None
    folder: Path
    report: Report


def export(
    layout: Layout,
    request: Request,
    listener: Listener,
    *,
    release: str | None = None,
    variables: Variables | None = None,
) -> Exported:
    """Make the static site that the file describes: a generator's, or the app's own pages.

    Args:
        layout: of the project.
        request: what is wanted.
        listener: told how it goes.
        release: one that is built already, with its own file; default: the project as it is.
        variables: what the app is given; default: ``[env]``, secrets, and the database of a site
            that runs.

    Raises:
        TenfoldError: it could not be done; the folder is as it was, unless it is the one that the
            generator writes into; the error says so, also where a person interrupts that.
        KeyboardInterrupt: the folder is as it was.
    """
    if release is not None:
        spec = shelf.spec_of(layout, release)
    else:
        spec = read.load(layout.spec, environment=layout.environment)
    if spec.static.source == "build":
        return _export_built(layout, spec, request, listener)
    return _export_pages(layout, spec, request, listener, release, variables)


def _export_built(layout: Layout, spec: AppSpec, request: Request, listener: Listener) -> Exported:
    place = _place(layout, request)
    output = generating.output_of(spec, layout, place)
    layout.create()
    known = private.read_json(layout.exports)
    own = generating.in_place(output)
    if not own and not request.replace:
        folder.require_ours(place, known.get(str(place)))
    edge = spec.edge.own_names
    where = {"url": spec.static.url, "domain": edge[0] if edge else None}
    with generating.building(layout):
        try:
            site = generating.generate(layout, spec, output, known, listener)
        except KeyboardInterrupt:
            if not own:
                raise
            raise _interrupted(output.changed) from None
        if own:
            report = built.take(site, None, listener, **where)
            require_strict(request.strict, report, output.changed)
        else:
            with folder.draft(place) as draft:
                report = built.take(site, draft, listener, **where)
                require_strict(request.strict, report, output.changed)
                _settle(layout, place, draft, site.places, request)
    return Exported(title(spec.name, layout.environment), None, place, report)


def _export_pages(
    layout: Layout,
    spec: AppSpec,
    request: Request,
    listener: Listener,
    wanted: str | None,
    variables: Variables | None,
) -> Exported:
    entry = _require_pages(spec)
    place = _place(layout, request)
    layout.create()
    known = private.read_json(layout.exports)
    if not request.replace:
        folder.require_ours(place, known.get(str(place)))
    target = LocalTarget(layout.state, layout.name, needs=needed(layout))
    given = values_given(spec, layout, served=None, renew=False)
    keeper = ReleaseKeeper(
        layout, spec, Here(begin=target.beside), variables=given.variables, account=target.account
    )
    store = Store(layout.shelf)
    with store.building():  # nobody prunes what is asked
        release = keeper.place(wanted) if wanted is not None else _built(keeper, listener)
        given_to_it = _variables(layout, release, given) if variables is None else variables
        order = _order(spec, entry, release, {**given_to_it, MARK: "static"}, target, request)
        with folder.draft(place) as draft:
            report, names = make(order, draft, listener)
            _settle(layout, place, draft, names, request)
    if not store.history():  # with an app that runs, deploys do that
        store.prune(KEPT_RELEASES, {release.id})
    return Exported(title(spec.name, layout.environment), release.id, place, report)


def _interrupted(changed: str) -> Interrupted:
    error = Interrupted("export static")
    error.changed = changed
    error.next = "tenfold export static   again begins anew"
    return error


def _settle(
    layout: Layout, place: Path, draft: Draft, names: Collection[str], request: Request
) -> None:
    """Put a finished export at its place; whatever interrupts that, both are known as ours."""
    if request.own:
        folder.settle(draft, place)
        return
    known = private.read_json(layout.exports).get(str(place), ())
    _remember(layout, place, {*names, *known})
    folder.settle(draft, place)
    _remember(layout, place, names)


def _require_pages(spec: AppSpec) -> str:
    if spec.app is None:
        raise Refused(
            "there is no app to ask for its pages: tenfold.toml has a command instead of app",
            next='app = "module:attribute" names the ASGI or WSGI app that the command serves',
        )
    if not spec.static.pages:
        raise Refused(
            "tenfold.toml does not say which pages to export",
            next='[static]\npages = ["/", "/about"]\nfollow = true    exports what those link to\n'
            "build and output    for a site that a generator makes",
        )
    return spec.app


def default_folder(layout: Layout) -> str:
    """Where exports go: each environment has a folder of its own."""
    return f"{DEFAULT_FOLDER}-{layout.environment}" if layout.environment else DEFAULT_FOLDER


def _place(layout: Layout, request: Request) -> Path:
    """Where the export goes; neither what is asked nor what Tenfold keeps may be there.

    Raises:
        Refused: it may.
    """
    into = request.into or layout.project / default_folder(layout)
    place = Path(os.path.abspath(into))
    if request.own:
        return place
    real = Path(os.path.realpath(place))
    project = Path(os.path.realpath(layout.project))
    state = Path(os.path.realpath(layout.state))
    if project.is_relative_to(real) or real.is_relative_to(state) or state.is_relative_to(real):
        raise Refused(
            f"{place} is no place for an export: the project itself, or Tenfold's own files, would "
            "be replaced",
            next="tenfold export static --into dist",
        )
    return place


def _built(keeper: ReleaseKeeper, listener: Listener) -> ReleasePlace:
    began = monotonic()
    listener.doing("looking at the project")
    wanted = keeper.candidate()
    keeper.build(wanted.id, listener.doing)
    listener.done(f"release {wanted.id} built", monotonic() - began)
    return keeper.place(wanted.id)


def _variables(layout: Layout, release: ReleasePlace, given: Given) -> Variables:
    own: Variables = {
        **release.environment,
        "PYTHONUNBUFFERED": "1",
        MARK: "static",
        **given.variables,
        **given.urls,
    }
    if not layout.exists():
        return own
    deployment = Deployment.existing(layout)
    without = deployment.position in WITHOUT_APP
    if without or deployment.status().state not in _RUNNING:
        return own
    blueprint = replace(serving(deployment).blueprint, release=release)
    return {**one_off(blueprint, []).env, **own}


def _order(
    spec: AppSpec,
    entry: str,
    release: ReleasePlace,
    variables: Variables,
    target: LocalTarget,
    request: Request,
) -> Order:
    static, edge = spec.static, spec.edge
    site = site_of(static.url, edge.own_names[0] if edge.own_names else None)
    argv = (release.python, f"{release.runtime}/{LAUNCHER}", "--render")
    command = Command(argv, env=variables, cwd=release.directory)

    def start() -> subprocess.Popen[Any]:
        pipe = subprocess.PIPE
        try:
            return target.beside(command, stdin=pipe, stdout=pipe, stderr=pipe)
        except OSError as error:
            raise ExportError(f"{release.python} cannot be run: {error.strerror}") from error

    return Order(
        site=site,
        wishes=Wishes(
            pages=static.pages,
            exclude=static.exclude,
            follow=static.follow,
            sitemap=static.sitemap,
            most_pages=static.max_pages,
        ),
        settings=RenderSettings(
            entry=entry,
            interface=spec.server.interface,
            scheme=site.scheme,
            host=site.host,
            prefix=site.prefix,
            page_seconds=static.page_timeout_seconds,
            page_bytes=static.max_page_bytes,
        ),
        start=start,
        assets={url: Path(release.directory, path) for url, path in static.assets.items()},
        redirects=tuple(
            Move(origin, to.to, to.status, inside=to.to.startswith("/"))
            for origin, to in edge.redirects.items()
        ),
        twice=request.twice,
        strict=request.strict,
        abreast=abreast(machine().cores, twice=request.twice),
    )


def abreast(cores: int, *, twice: bool) -> int:
    """How many processes with the app share the pages: with the second look, one of each a core.

    Each is an app in memory, so that there are not more than a few.
    """
    return max(1, min(cores // 2 if twice else cores, MOST_ABREAST))


def put_into_dist(layout: Layout, id: str) -> None:
    """Have ``dist/`` be the pages of this id, so that what is shown is what will be published.

    Raises:
        TenfoldError: it cannot be written; it is as it was.
    """
    place = layout.project / default_folder(layout)
    source = layout.pages / id / FILES
    names = sorted(p.relative_to(source).as_posix() for p in source.rglob("*") if p.is_file())
    with folder.draft(place) as draft:
        for name in names:
            draft.copy(source / name, name)
        _settle(layout, place, draft, names, Request())


def _remember(layout: Layout, place: Path, names: Collection[str]) -> None:
    """Which files at this place are an export's own, so that the next may replace them."""
    known = private.read_json(layout.exports)
    private.write_json(layout.exports, {**known, str(place): sorted(names)})
