"""Small and closed: what is put away is compressed (zstd) and, with a key, encrypted (age).

Both are formats with programs of their own, so that nobody needs Tenfold to read what is his:
``age -d -i KEYFILE FILE.zst.age | zstd -d``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

import zstandard

from tenfold.backups.faults import Fault
from tenfold.backups.pipes import through

LEVEL = 3
SUFFIX = ".zst"
SEALED = ".age"
WRONG_KEY = "give the key with which it was encrypted: [database.backup] encryption"


def new_key() -> str:
    """A fresh key."""
    import pyrage

    return str(pyrage.x25519.Identity.generate())


def is_key(text: str) -> bool:
    """Whether this can be a key."""
    import pyrage

    try:
        pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Sealer:
    """Compresses and encrypts, and undoes both; without a key it only compresses."""

    key: str | None = None

    @property
    def suffix(self) -> str:
        """How names of what it made end."""
        return SUFFIX + (SEALED if self.key else "")

    def seal(self, content: bytes) -> bytes:
        """What is to be put away, of a content that fits into memory."""
        small = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(content)
        if self.key is None:
            return small
        import pyrage

        return bytes(pyrage.encrypt(small, [_identity(self.key).to_public()]))

    def open(self, sealed: bytes, name: str) -> bytes:
        """The content again. ``name`` says how it was made, and what a fault is about.

        Raises:
            Fault: it is damaged, or the key is not that with which it was made.
        """
        try:
            if name.endswith(SEALED):
                sealed = self._decrypted(sealed, name)
            return zstandard.ZstdDecompressor().decompressobj().decompress(sealed)
        except zstandard.ZstdError as error:
            raise Fault("damaged", f"{name} is damaged: {error}") from error

    @contextmanager
    def sealing(self, source: BinaryIO) -> Iterator[BinaryIO]:
        """A stream of what is to be put away, of any length."""
        compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
        with compressor.stream_reader(source, closefd=False) as small:
            if self.key is None:
                yield small
                return
            import pyrage

            to = [_identity(self.key).to_public()]
            with through(lambda out: pyrage.encrypt_io(small, out, to)) as sealed:
                yield sealed

    @contextmanager
    def opening(self, source: BinaryIO, name: str) -> Iterator[BinaryIO]:
        """A stream of the content again; raises as :meth:`open`, while it is read."""
        plain = zstandard.ZstdDecompressor()
        try:
            if not name.endswith(SEALED):
                with plain.stream_reader(source, closefd=False) as content:
                    yield content
                return

            by = [self._identity(name)]
            with (
                through(partial(_decrypt, source, by, name)) as small,
                plain.stream_reader(small, closefd=False) as content,
            ):
                yield content
        except zstandard.ZstdError as error:
            raise Fault("damaged", f"{name} is damaged: {error}") from error

    def _decrypted(self, sealed: bytes, name: str) -> bytes:
        import pyrage

        try:
            return bytes(pyrage.decrypt(sealed, [self._identity(name)]))
        except pyrage.DecryptError as error:
            raise _cannot_decrypt(name, error) from error

    def _identity(self, name: str) -> object:
        if self.key is None:
            raise Fault("refused", f"{name} is encrypted, and there is no key", WRONG_KEY)
        return _identity(self.key)


def _identity(key: str):  # type: ignore[no-untyped-def]  # the library has no types
    import pyrage

    return pyrage.x25519.Identity.from_str(key)


def _decrypt(source: BinaryIO, by: list[object], name: str, out: BinaryIO) -> None:
    import pyrage

    try:
        pyrage.decrypt_io(source, out, by)
    except pyrage.DecryptError as error:
        raise _cannot_decrypt(name, error) from error


def _cannot_decrypt(name: str, error: Exception) -> Fault:
    if "no matching" in str(error).lower():
        return Fault("refused", f"{name} was encrypted with another key", WRONG_KEY)
    return Fault("damaged", f"{name} is damaged: {error}")
