"""The folder that a generator wrote: looked at as a whole, then taken as it is.

Everything is opened below the folder, part by part, and never through a link: whoever owns the
project, and is not root, could put something else at a name meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import BinaryIO, Final

from tenfold.errors import ExportError, Refused, UsageError
from tenfold.export.findings import Finding, Report, sorted_findings
from tenfold.export.folder import Draft
from tenfold.export.making import Listener, site_of
from tenfold.export.paths import Site
from tenfold.export.places import NOT_FOUND, REDIRECTS, Places
from tenfold.export.site_links import INDEX, SITEMAP, SiteLinks, reads, said_site, same_site
from tenfold.publishing import names, scan

SPEC_NAME: Final = "tenfold.toml"
MOST_TEXT_BYTES: Final = 32 << 20
_SHOWN: Final = 10
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PAGES: Final = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Output:
    """What ``[static] build`` writes: ``folder`` of ``project``, called ``name`` in the file.

    ``changed`` is what is different when it cannot be exported.
    """

    project: Path
    name: str
    build: str
    changed: str

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.project / self.name


@dataclass(frozen=True, slots=True)
class Built:
    """A site in a folder: each file's place in it, and where below it the content is, which a link
    may name. ``left_out`` are files that are no part of the site, though they were copied there."""

    output: Output
    files: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def places(self) -> frozenset[str]:
        """Every file."""
        return frozenset(place for place, _ in self.files)


def require_inside(output: Output) -> None:
    """See that the folder, where there is one, lies in the project.

    Raises:
        Refused: it does not, or is none.
    """
    real = Path(os.path.realpath(output.folder))
    if not real.is_relative_to(os.path.realpath(output.project)):
        raise Refused(
            f"[static] output {output.name} is a link that leads out of the project, to {real}",
            next="have build write into a folder of the project's own",
        )
    if real.exists() and not real.is_dir():
        raise Refused(
            f"[static] output {output.name} is no folder", next="name a folder, or move it"
        )


def look(output: Output, *, since_ns: int, earlier: Iterable[str] = ()) -> Built:
    """What a build left there.

    Args:
        output: where.
        since_ns: when it began, as the file system counts.
        earlier: files that are copies of an earlier export, below the folder; they are left out.

    Raises:
        ExportError: there is nothing, or something in it can be no part of a site.
        Refused: the folder leads out of the project.
    """
    require_inside(output)
    if not output.folder.is_dir():
        raise _nothing(output, f"there is no folder {output.name}", since_ns)
    try:
        found, problems = scan.look(output.folder)
    except (UsageError, Refused) as error:
        raise ExportError(error.what, changed=output.changed, next=error.next) from error
    aside = frozenset({SPEC_NAME, *earlier})
    left_out = [path for path, _ in (*found, *problems) if path in aside]
    _require_fine(output, [(path, why) for path, why in problems if path not in aside])
    root = Path(os.path.realpath(output.folder))
    files = tuple(
        (path, str(source.resolve().relative_to(root)))
        for path, source in found
        if path not in aside
    )
    if not files:
        raise _nothing(output, f"{output.name} is empty", since_ns)
    _require_apart(output, files)
    return Built(output, files, tuple(left_out), tuple(_notes(output, files, left_out, since_ns)))


def _nothing(output: Output, what: str, since_ns: int) -> ExportError:
    others = list(_written(output.project, since_ns))
    return ExportError(
        f"{what}, though [static] build ended well: {output.build}",
        changed=output.changed,
        next=f'it wrote {others[0]}: [static] output = "{others[0]}"'
        if len(others) == 1
        else "[static] output names the folder that build writes the site into",
    )


def _written(project: Path, since_ns: int) -> Iterator[str]:
    """Folders at the top of the project with a first page that is new."""
    for entry in sorted(os.scandir(project), key=lambda entry: entry.name):
        if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
            with suppress(OSError):
                if os.lstat(f"{entry.path}/{INDEX}").st_ctime_ns >= since_ns:
                    yield entry.name


def _require_fine(output: Output, problems: list[tuple[str, str]]) -> None:
    if not problems:
        return
    listed = "\n".join(f"{names.shown(path)}: {why}" for path, why in problems[:_SHOWN])
    more = f"\nand {len(problems) - _SHOWN:,} more" if len(problems) > _SHOWN else ""
    raise ExportError(
        f"{output.name} holds what cannot be part of a site",
        detail=listed + more,
        changed=output.changed,
        next="have build leave it out, or take it out of the sources",
    )


def _require_apart(output: Output, files: Iterable[tuple[str, str]]) -> None:
    places = Places()
    clashes = [f"{path} {clash}" for path, _ in files if (clash := places.claim(path, output.name))]
    if clashes:
        raise ExportError(
            f"{len(clashes):,} file{'s' * (len(clashes) != 1)} of {output.name} cannot be beside "
            "another one",
            detail="\n".join(clashes[:_SHOWN]),
            changed=output.changed,
            next="give them names that differ in more than upper and lower case",
        )


def _notes(
    output: Output, files: tuple[tuple[str, str], ...], left_out: list[str], since_ns: int
) -> Iterator[Finding]:
    if INDEX not in {path for path, _ in files}:
        text = f"is not there: who asks for the site itself finds nothing at {output.name}/{INDEX}"
        yield Finding("note", INDEX, text)
    if left_out:
        text = (
            f"is left out, though build put it into {output.name}: with Jekyll, name it in exclude "
            "of _config.yml"
        )
        yield Finding("note", names.listed({path.partition("/")[0] for path in left_out}), text)
    old = [path for path, real in files if not _is_new(output.folder / real, since_ns)]
    if len(old) == len(files):
        others = [name for name in _written(output.project, since_ns) if name != output.name]
        where = f"; it wrote {names.listed(others)}" if others else ""
        text = f"is as it was before: build ended well, and wrote nothing there{where}"
        yield Finding("note", output.name, text)
        return
    pages = [path for path in old if path.endswith(_PAGES)]
    if pages:
        text = (
            f"of {output.name} are older than this build: if their sources are gone, have it clean "
            "up first (hugo --cleanDestinationDir, pelican --delete-output-directory)"
        )
        yield Finding("note", names.listed(pages), text)


def _is_new(path: Path, since_ns: int) -> bool:
    try:
        return os.lstat(path).st_ctime_ns >= since_ns
    except OSError:
        return False


def take(
    built: Built, draft: Draft | None, listener: Listener, *, url: str | None, domain: str | None
) -> Report:
    """Copy the site into ``draft``, if there is one, and see where its links lead.

    Args:
        built: the site.
        draft: what it is copied into; ``None`` leaves it where it is.
        listener: is told how it goes.
        url: where the site will be, if the file says so.
        domain: else the name that it may have there.

    Raises:
        ExportError: it cannot be read or written, or changes meanwhile.
    """
    began = monotonic()
    with _reading(built.output) as folder:
        site, notes = _site(folder, built, url, domain)
        known = SiteLinks(site, built.places, told=site.known)
        size = 0
        for count, (place, real) in enumerate(built.files, 1):
            with folder.open(real) as file:
                size += os.fstat(file.fileno()).st_size
                if reads(place):
                    _read(known, place, file)
                if draft is not None:
                    file.seek(0)
                    draft.take(file, place)
            listener.doing(f"{count:,} of {len(built.files):,} files: {place}")
    pages = sum(place.lower().endswith(_PAGES) for place in built.places)
    done = "looked at" if draft is None else "copied"
    listener.done(f"{len(built.files):,} files {done}", monotonic() - began)
    return Report(
        pages=pages,
        others=len(built.files) - pages,
        assets=0,
        redirects=0,
        files=len(built.files),
        bytes=size,
        not_found=NOT_FOUND in built.places,
        looked_twice=False,
        seconds=monotonic() - began,
        findings=sorted_findings([*built.notes, *notes, *known.findings()]),
    )


def _site(
    folder: _Folder, built: Built, url: str | None, domain: str | None
) -> tuple[Site, list[Finding]]:
    """Where the site will be: as the file says, else as its own pages do."""
    said = said_site(folder.text(INDEX, built), folder.text(SITEMAP, built))
    if url is None:
        return site_of(said, domain), []
    if said is None or same_site(said, url):
        return site_of(url, domain), []
    text = f"is {url}, and the pages say that they are at {said}: build them for the one that holds"
    return site_of(url, domain), [Finding("note", "[static] url", text)]


def _read(known: SiteLinks, place: str, file: BinaryIO) -> None:
    text = file.read(MOST_TEXT_BYTES).decode("utf-8", "replace")
    if place == SITEMAP:
        known.sitemap(place, text)
    elif place == REDIRECTS:
        known.redirects(text)
    elif place.endswith(".css"):
        known.style(place, text)
    else:
        known.page(place, text)


class _Folder:
    """A folder whose files are opened below it, whatever takes its place meanwhile."""

    def __init__(self, descriptor: int) -> None:
        self._at = descriptor

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """An ordinary file. Raises ``OSError``."""
        *folders, name = path.split("/")
        at = os.dup(self._at)
        try:
            for folder in folders:
                below = os.open(folder, _FOLDER, dir_fd=at)
                os.close(at)
                at = below
            descriptor = os.open(name, _FILE, dir_fd=at)
        finally:
            os.close(at)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, "it is no ordinary file any more")
            yield file

    def text(self, place: str, built: Built) -> str:
        """The text of a file, empty if there is none. Raises ``OSError``."""
        real = dict(built.files).get(place)
        if real is None:
            return ""
        with self.open(real) as file:
            return file.read(MOST_TEXT_BYTES).decode("utf-8", "replace")


@contextmanager
def _reading(output: Output) -> Iterator[_Folder]:
    """The folder, open. What cannot be read is said in words."""
    try:
        at = os.open(os.path.realpath(output.folder), _FOLDER)
        try:
            yield _Folder(at)
        finally:
            os.close(at)
    except OSError as error:
        raise ExportError(
            f"{output.name} cannot be read: {error.strerror or error}",
            changed=output.changed,
            next="let build end, and see who may read there; then export again",
        ) from error
