"""The SQL of a dump: from a file, or from an archive that ``pg_restore`` makes SQL of."""

from __future__ import annotations

import gzip
import re
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from tenfold.errors import Refused
from tenfold.importing import statements
from tenfold.importing.recognise import Form, dumped_from
from tenfold.importing.script import Broken, Data, Script, Statement
from tenfold.importing.statements import Header

MESSAGE_LINES: Final = 5
_DUMPED_FROM: Final = re.compile(rb"Dumped from database version: (\d+)")
_IGNORED: Final = (b"\\restrict ", b"\\unrestrict ")
"""With these, ``pg_dump`` keeps psql from reading commands out of a dump; nothing here does."""
_CODECS: Final = {
    "UTF8": None, "SQL_ASCII": None, "LATIN1": "latin-1", "LATIN2": "iso8859-2",
    "LATIN9": "iso8859-15", "WIN1250": "cp1250", "WIN1251": "cp1251", "WIN1252": "cp1252",
    "KOI8R": "koi8-r", "EUC_JP": "euc_jp", "SJIS": "shift_jis", "GBK": "gbk", "BIG5": "big5",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A dump in a file or a folder. ``pg_restore`` is the program for archives."""

    path: Path
    form: Form
    pg_restore: str

    @property
    def name(self) -> str:
        """Its file."""
        return str(self.path)

    def major(self) -> int | None:
        """The version of PostgreSQL that it was made from, as it says itself."""
        if self.form in ("sql", "gzip"):
            return dumped_from(self.path, self.form)
        with printed((self.pg_restore, "--list", str(self.path)), {}, self.name) as listing:
            found = _DUMPED_FROM.search(listing.read())
        return int(found[1]) if found else None

    @contextmanager
    def opened(self, *, rows_only: bool = False) -> Iterator[BinaryIO]:
        """Its SQL; ``rows_only``: what makes tables may be left out."""
        match self.form:
            case "sql":
                with self.path.open("rb") as file:
                    yield file
            case "gzip":
                with gzip.open(self.path) as packed:
                    yield cast(BinaryIO, packed)
            case _:
                _require_whole(self.path, self.form)
                more = ("--data-only",) if rows_only else ()
                argv = (
                    self.pg_restore, "--file=-", "--no-owner", "--no-privileges",
                    "--no-publications", "--no-subscriptions", "--no-security-labels",
                    "--no-tablespaces", *more, str(self.path),
                )  # fmt: skip
                with printed(argv, {}, self.name) as stream:
                    yield stream


def _require_whole(path: Path, form: Form) -> None:
    """Look through a tar archive: of one that is cut off, ``pg_restore`` never finds the end."""
    if form != "tar":
        return
    try:
        with tarfile.open(path, "r:") as archive:
            whole = all(m.offset_data + m.size <= path.stat().st_size for m in archive)
    except tarfile.TarError as error:
        raise _cut_off(str(path), str(error)) from error
    if not whole:
        raise _cut_off(str(path), "a part of its last member is missing")


@contextmanager
def printed(
    argv: Sequence[str], env: dict[str, str], name: str, pass_fds: tuple[int, ...] = ()
) -> Iterator[BinaryIO]:
    """What a program of PostgreSQL's prints; it is ended if that is not read to its end.

    Raises:
        TenfoldError: it failed; with what it said.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **env},
            pass_fds=pass_fds,
        )
        assert process.stdout is not None
        try:
            yield cast(BinaryIO, process.stdout)
            left = process.stdout.read(1)
        except BaseException:
            process.kill()
            process.wait()
            _explain_end(process.returncode, said, name, killed=True)
            raise
        finally:
            process.stdout.close()
        if left:
            process.kill()
        code = process.wait()
        if not left:
            _explain_end(code, said, name)


def _explain_end(code: int, said: IO[bytes], name: str, *, killed: bool = False) -> None:
    said.seek(0)
    text = said.read(1 << 16).decode(errors="replace").strip()
    if code == 0 or (killed and "error:" not in text):
        return
    lines = "\n".join(text.splitlines()[:MESSAGE_LINES])
    if "unsupported version" in text or "server version mismatch" in text:
        raise Refused(
            f"{name} was made by a newer PostgreSQL than the one that Tenfold has",
            detail=lines,
            next="make it anew as SQL, with that version's own programs:\n"
            "pg_restore --no-owner --no-privileges --file=dump.sql FILE    and import dump.sql",
        )
    if "does not support" in text:  # a compression that this build was made without
        raise Refused(
            f"{name} is packed in a way that this PostgreSQL cannot read",
            detail=lines,
            next="pg_dump --format=custom --compress=gzip ...    makes one that it can",
        )
    raise Refused(
        f"{name} cannot be read to its end: it is damaged, or a part of it is missing",
        detail=lines,
        next="make the dump anew, or copy it anew",
    )


@dataclass
class Rows:
    """The rows behind a COPY statement, in UTF-8."""

    header: Header
    statement: str
    line: int
    data: Data
    codec: str | None
    name: str

    def pieces(self) -> Iterator[list[bytes]]:
        """Lines without their ends, many at a time."""
        with _whole(self.name):
            for lines in self.data.pieces():
                yield lines if self.codec is None else [_in_utf8(x, self.codec) for x in lines]


@dataclass(frozen=True, slots=True)
class Sql:
    """A statement of a dump, and the line that it begins in."""

    text: str
    line: int


def parts(stream: BinaryIO, name: str) -> Generator[Sql | Rows, None, None]:
    """A dump's statements and rows.

    Raises:
        Refused: it ends too early, or is nothing of ``pg_dump``'s; says where.
    """
    script = Script(stream)
    with _whole(name):
        yield from _parts(script, name)
    if not script.complete:
        raise _cut_off(name, "its last line, “PostgreSQL database dump complete”, is missing")


def _parts(script: Script, name: str) -> Iterator[Sql | Rows]:
    codec: str | None = None
    last: Sql | None = None
    for part in script:
        if isinstance(part, Data):
            assert last is not None
            with _placed(name, last.line):
                header = statements.header(last.text)
            yield Rows(header, last.text, last.line, part, codec, name)
        elif part.for_psql:
            _require_ignorable(part, name)
        else:
            last = Sql(_in_utf8(part.text, codec or "utf-8").decode(), part.line)
            encoding = statements.encoding(last.text)
            if encoding is not None:
                codec = _codec(encoding, name)
            yield last


def _require_ignorable(part: Statement, name: str) -> None:
    if not part.text.startswith(_IGNORED):
        told = part.text[:60].decode(errors="replace")
        raise Refused(
            f"{name}, line {part.line}, is a command of psql's: {told}",
            detail="pg_dumpall and pg_dump --create write such dumps.",
            next="pg_dump --format=custom --file=FILE DATABASE    makes one that can be imported",
        )


def _codec(encoding: str, name: str) -> str | None:
    try:
        return _CODECS[encoding.upper().replace("-", "")]
    except KeyError:
        raise Refused(
            f"{name} is in the encoding {encoding}",
            next="pg_dump --encoding=UTF8 ...    makes one that can be imported",
        ) from None


def _in_utf8(text: bytes, codec: str) -> bytes:
    return text if codec == "utf-8" else text.decode(codec).encode()


@contextmanager
def _placed(name: str, line: int) -> Iterator[None]:
    try:
        yield
    except statements.Unfit as error:
        raise Refused(
            f"{name}, line {line}: {error}",
            next="pg_dump --format=custom --file=FILE DATABASE    makes one that can be imported",
        ) from None


@contextmanager
def _whole(name: str) -> Iterator[None]:
    """Turn an end that comes too early into an error that says so."""
    try:
        yield
    except Broken as error:
        raise _cut_off(name, str(error)) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _cut_off(name, str(error)) from error


def _cut_off(name: str, why: str) -> Refused:
    return Refused(f"{name} is cut off: {why}", next="make the dump anew, or copy it anew")
