"""Redact what was collected, see that no known secret is left, write it as one file."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenfold.doctor.bundle.collect import Collected, as_json, collect
from tenfold.doctor.bundle.redact import Redactor
from tenfold.doctor.model import Diagnosis
from tenfold.errors import Refused, UsageError
from tenfold.state.layout import Layout

README = """What this is

A support bundle of {app}, made by `tenfold doctor --bundle`. Passwords, keys, tokens, credentials
in URLs, values of [env], query strings, mail addresses and addresses of visitors are replaced by
{mask} or ADDRESS: those that Tenfold knows by their value, all others by what stands around them.
An app may print anything, so look at logs/ before you send it.

What is in it

{files}
{left_out}"""


@dataclass(frozen=True, slots=True)
class Written:
    """The bundle: its path, how many files it holds, its size in bytes."""

    path: Path
    files: int
    size_bytes: int


def write(path: Path, layout: Layout, diagnosis: Diagnosis) -> Written:
    """Make the bundle at ``path``, with mode 0600; nothing that is there is overwritten.

    Raises:
        UsageError: something is there, or it cannot be written.
        Refused: secrets cannot be read, or one was left in it in spite of all; nothing was written.
    """
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already", next="choose another name, or remove it")
    files = redacted(collect(layout, diagnosis), diagnosis.app or layout.project.name)
    try:
        _write(path, files)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return Written(path, len(files), path.stat().st_size)


def redacted(collected: Collected, app: str) -> Mapping[str, str]:
    """Names and texts of all files, without secrets.

    Raises:
        Refused: a known secret is still in one of them.
    """
    redactor = Redactor(collected.secrets)
    files = {name: as_json(redactor.data(data)) for name, data in collected.data.items()}
    files["versions.json"] = redactor.known(as_json(collected.versions))
    files |= {name: redactor.text(text) for name, text in collected.texts.items()}
    files["README.txt"] = redactor.text(_readme(app, files, collected.left_out))
    leaking = [name for name, text in files.items() if redactor.has_known(text)]
    if leaking:
        raise Refused(
            f"a secret is left in {', '.join(leaking)} after redaction",
            next="send the output of tenfold doctor --json instead, and tell the makers of Tenfold",
        )
    return dict(sorted(files.items()))


def _readme(app: str, files: Mapping[str, str], left_out: Mapping[str, str]) -> str:
    without = "".join(f"  {name}: {why}\n" for name, why in left_out.items())
    return README.format(
        app=app,
        mask="********",
        files="".join(f"  {name}\n" for name in sorted(files)),
        left_out=f"What is not in it\n\n{without}" if without else "",
    )


def _write(path: Path, files: Mapping[str, str]) -> None:
    """Whole or not at all; a link that somebody lays there meanwhile is not followed."""
    descriptor, temporary = tempfile.mkstemp(dir=path.absolute().parent, prefix=".bundle-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            with tarfile.open(fileobj=file, mode="w:gz") as archive:
                for name, text in files.items():
                    data = text.encode("utf-8", "replace")
                    entry = tarfile.TarInfo(f"{path.name.partition('.')[0]}/{name}")
                    entry.size, entry.mode = len(data), 0o600
                    archive.addfile(entry, io.BytesIO(data))
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    finally:
        os.unlink(temporary)
