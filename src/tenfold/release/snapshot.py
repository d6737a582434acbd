"""True copies of virtual environments, content addressed and shared by releases.

Hard links would be faster still, but a later ``pip install`` may write through them. One thread is
as fast as several: the kernel copies, and the files are many and small.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tenfold import interrupts
from tenfold.errors import ReleaseError
from tenfold.release import files

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
# The kernel reads at most this much of a script's first line (127 before Linux 5.1).
_MAX_SHEBANG_BYTES = 127
_MAX_SCRIPT_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class Item:
    """One file or link; ``link`` is where it leads."""

    path: str
    mode: int
    bytes: int
    mtime_ns: int
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Contents:
    """What of a virtual environment is copied; ``texts`` replaces the content of some files."""

    root: Path
    items: tuple[Item, ...]
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """The sum of all sizes."""
        return sum(item.bytes for item in self.items)


def contents(
    root: Path, skip: Iterable[str] = (), texts: Mapping[str, str] | None = None
) -> Contents:
    """Every file of a virtual environment but those in ``skip`` (files or folders, relative)."""
    skipped = frozenset(skip)
    items = tuple(sorted(_walk(root, "", skipped), key=lambda item: os.fsencode(item.path)))
    return Contents(root, items, texts or {})


def _walk(root: Path, below: str, skipped: frozenset[str]) -> Iterator[Item]:
    with os.scandir(root / below) as entries:
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if path in skipped:
                continue
            if entry.is_symlink():
                yield Item(path, 0, 0, 0, _inside(root, path, os.readlink(entry.path)))
            elif entry.is_dir():
                yield from _walk(root, path, skipped)
            elif entry.is_file():
                found = entry.stat()
                yield Item(path, found.st_mode, found.st_size, found.st_mtime_ns)


def _inside(root: Path, path: str, target: str) -> str:
    """A link's target; one that names the environment by its place is made relative."""
    if os.path.isabs(target) and Path(target).is_relative_to(root):
        return os.path.relpath(target, (root / path).parent)
    return target


def lines(found: Contents) -> Iterator[str]:
    """One line per file, equal for equal states; bytecode caches are not part of the state."""
    for item in found.items:
        if "__pycache__" in item.path:
            continue
        if item.path in found.texts:
            yield f"text {found.texts[item.path]} {item.path}"
        elif item.link is not None:
            yield f"link {item.link} {item.path}"
        else:
            yield f"{item.mode & 0o111:o} {item.bytes} {item.mtime_ns} {item.path}"


def lacks_bytecode(found: Contents) -> bool:
    """Whether most modules have no bytecode beside them: some installers do not compile."""
    modules = sum(item.path.endswith(".py") for item in found.items)
    compiled = sum(item.path.endswith(".pyc") for item in found.items)
    return compiled < modules / 2


def copy(found: Contents, target: Path, final: Path) -> None:
    """Copy to ``target`` what shall later stand at ``final``; scripts name ``final``.

    Raises:
        ReleaseError: a file went away meanwhile.
        OSError: ``target`` cannot be written.
    """
    folders: dict[str, list[Item]] = {}
    for item in found.items:
        folders.setdefault(os.path.dirname(item.path), []).append(item)
    for folder in folders:
        (target / folder).mkdir(mode=0o755, parents=True, exist_ok=True)
    for folder, items in folders.items():
        _folder(found, folder, items, target, final)


def _folder(found: Contents, folder: str, items: list[Item], target: Path, final: Path) -> None:
    try:
        with files.directory(found.root, folder) as opened:
            for item in items:
                interrupts.check()
                _item(found, item, opened, target, final)
    except FileNotFoundError as error:
        raise ReleaseError(
            f"{found.root}/{folder} changed while it was copied",
            next="let the installation there end, then try again",
        ) from error


def _item(found: Contents, item: Item, folder: int, target: Path, final: Path) -> None:
    goal = target / item.path
    if item.link is not None:
        goal.symlink_to(item.link)
        return
    source = files.open_regular(os.path.basename(item.path), folder)
    try:
        created = os.open(goal, _CREATE, 0o600)
        try:
            text = _text(found, item, source, final)
            if text is None:
                files.copy_content(source, created)
            else:
                os.write(created, text)
            # Bytecode caches are valid for the time stamp of their source.
            os.utime(created, ns=(item.mtime_ns, item.mtime_ns))
            os.fchmod(created, files.frozen_mode(item.mode | stat.S_IROTH))
        finally:
            os.close(created)
    finally:
        os.close(source)


def _text(found: Contents, item: Item, source: int, final: Path) -> bytes | None:
    """The content of a file that does not stay as it is, else ``None``."""
    if item.path in found.texts:
        return found.texts[item.path].encode("utf-8", errors="surrogateescape")
    if not item.path.startswith("bin/") or item.bytes > _MAX_SCRIPT_BYTES:
        return None
    raw = os.pread(source, item.bytes, 0)
    # Scripts name the environment as its maker called it, which may have been by way of a link.
    places = {os.fsencode(found.root), os.fsencode(found.root.resolve())}
    return script(raw, places, os.fsencode(final))


def script(raw: bytes, places: Collection[bytes], new: bytes) -> bytes | None:
    """A script with a new place for the old ones; ``None`` if it names none of them, or is binary.

    A first line that the kernel would cut off, or with a space in the path, is replaced by a shell
    that executes the interpreter, as installers do.
    """
    if b"\0" in raw:
        return None
    old = b"|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    moved, count = re.subn(rb"(?:%b)(?![\w.-])" % old, lambda found: new, raw)
    if not count:
        return None
    first, newline, rest = moved.partition(b"\n")
    if not first.startswith(b"#!" + new) or not _too_long(first, new):
        return moved
    return (
        b"#!/bin/sh\n'''exec' \"" + first[2:].strip() + b'" "$0" "$@"\n\' \'\'\'' + newline + rest
    )


def _too_long(first: bytes, new: bytes) -> bool:
    return len(first) > _MAX_SHEBANG_BYTES or b" " in new
