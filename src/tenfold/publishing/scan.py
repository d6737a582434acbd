"""Read a folder: every file that shall be published, with its digest. Nothing is written."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tenfold.errors import Refused, UsageError
from tenfold.publishing import names
from tenfold.publishing.model import Algorithm, File, Site

CHUNK = 1 << 20
MOST_FILES = 200_000
IGNORED = frozenset({".DS_Store", "Thumbs.db", ".gitkeep"})
"""What systems and habits leave in folders, and nobody means to publish."""


def scan(
    folder: Path,
    algorithm: Algorithm,
    *,
    extra: Mapping[str, bytes] | None = None,
) -> Site:
    """The site that a folder holds.

    Args:
        folder: where it lies.
        algorithm: of the digests.
        extra: files that the place needs; one that the folder has itself goes before it.

    Raises:
        UsageError: there is no such folder.
        Refused: it is empty, or holds what cannot or must not be published; names all of it.
    """
    found, problems = look(folder)
    if problems:
        listed = "\n".join(f"{names.shown(path)}: {why}" for path, why in problems[:10])
        more = f"\nand {len(problems) - 10:,} more" if len(problems) > 10 else ""
        raise Refused(
            f"{folder} holds what cannot be published\n{listed}{more}",
            next="take it out of the folder, or name another one with --from",
        )
    if not found:
        raise Refused(
            f"{folder} is empty",
            next="build the site first; an empty one is not published",
        )
    files = {path: _read(path, source, algorithm) for path, source in found}
    for path, content in (extra or {}).items():
        files.setdefault(path, made(content, algorithm))
    return Site(files, algorithm)


def made(content: bytes, algorithm: Algorithm) -> File:
    """A file that lies nowhere yet."""
    hasher = _hasher(algorithm, len(content))
    hasher.update(content)
    return File(hasher.hexdigest(), len(content), content)


def content_of(path: str, file: File, algorithm: Algorithm) -> bytes:
    """What is to be sent, compared with what was read before.

    Raises:
        Refused: the file is another one by now.
    """
    if isinstance(file.source, bytes):
        return file.source
    try:
        with _opened(file.source) as descriptor:
            content = descriptor.read()
    except OSError as error:
        raise _changed(path, error.strerror or "it cannot be read") from error
    if made(content, algorithm).digest != file.digest:
        raise _changed(path, "it has another content by now")
    return content


def _changed(path: str, why: str) -> Refused:
    return Refused(
        f"{names.shown(path)} changed while it was being published: {why}",
        changed="nothing: what was published before is served",
        next="let the build end, then publish again",
    )


def look(folder: Path) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """Every file by its path, sorted; and what cannot or must not be published, with the reason.

    Raises:
        UsageError: there is no such folder.
        Refused: it cannot be read, or has too many files.
    """
    try:
        root = folder.resolve(strict=True)
        if not root.is_dir():
            raise NotADirectoryError
    except (OSError, RuntimeError):
        raise UsageError(
            f"there is no folder {folder}",
            next="build the site first, or name its folder:  tenfold publish --from DIR",
        ) from None
    found: list[tuple[str, Path]] = []
    problems: list[tuple[str, str]] = []
    for path, entry in _walk(root):
        why = _wrong(path, entry, root)
        if why is not None:
            problems.append((path, why))
        elif not entry.is_dir(follow_symlinks=False):
            found.append((path, Path(entry.path)))
        if len(found) > MOST_FILES:
            raise Refused(f"{folder} has more than {MOST_FILES:,} files")
    return sorted(found), problems


def _walk(folder: str | Path, before: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every entry below a folder; what is private, or too deep, is told and not entered."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise Refused(f"{folder} cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.name in IGNORED:
            continue
        path = before + entry.name
        yield path, entry
        fine = names.problem(path) is None and not names.private(path)
        if fine and entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{path}/")


def _wrong(path: str, entry: os.DirEntry[str], root: Path) -> str | None:
    if names.private(path):
        return "is no part of a site, and may hold what nobody should read"
    why = names.problem(path)
    if why is not None:
        return why
    if entry.is_symlink():
        return _wrong_link(entry, root)
    if entry.is_dir(follow_symlinks=False):
        return None
    return None if entry.is_file(follow_symlinks=False) else "is no ordinary file"


def _wrong_link(entry: os.DirEntry[str], root: Path) -> str | None:
    try:
        target = Path(entry.path).resolve(strict=True)
    except (OSError, RuntimeError):
        return "is a link that leads nowhere"
    if not target.is_relative_to(root):
        return "is a link that leads out of the folder"
    if not target.is_file():
        return "is a link to a folder; put the files there themselves"
    if any(names.private(part) for part in target.relative_to(root).parts):
        return "is a link to what is no part of a site"
    return None


def _read(path: str, source: Path, algorithm: Algorithm) -> File:
    try:
        real = source.resolve(strict=True) if source.is_symlink() else source
        with _opened(real) as file:
            size = os.fstat(file.fileno()).st_size
            hasher, read = _hasher(algorithm, size), 0
            while chunk := file.read(CHUNK):
                hasher.update(chunk)
                read += len(chunk)
    except OSError as error:
        raise Refused(
            f"{names.shown(path)} cannot be read: {error.strerror}",
            next="let the user who publishes read it",
        ) from error
    if read != size:
        raise _changed(path, "it grew or shrank")
    return File(hasher.hexdigest(), size, real)


def _opened(path: Path) -> BinaryIO:
    """Open an ordinary file: never a link that took its place meanwhile, nor a pipe that waits."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is no ordinary file")
    return os.fdopen(descriptor, "rb")


def _hasher(algorithm: Algorithm, size: int) -> hashlib._Hash:
    if algorithm == "sha256":
        return hashlib.sha256()
    # SHA-1 is what Netlify and git name contents by; it protects nothing here.
    hasher = hashlib.sha1(usedforsecurity=False)
    if algorithm == "git":
        hasher.update(b"blob %d\x00" % size)
    return hasher
