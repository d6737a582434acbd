"""What a build of nginx can do, known from its version."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Build:
    """A build of nginx; the default is the oldest that the rendered files are made for."""

    version: tuple[int, int, int] = (1, 22, 1)

    @property
    def mixes_http2(self) -> bool:
        """One cleartext port can speak HTTP/1.1 and HTTP/2 (``http2 on``, since 1.25.1).

        Before, ``listen ... http2`` on a cleartext port answered HTTP/2 alone.
        """
        return self.version >= (1, 25, 1)

    @property
    def spares_idle_clients(self) -> bool:
        """A reload leaves idle keep-alive clients time (``keepalive_min_timeout``, since 1.27.4)."""
        return self.version >= (1, 27, 4)


def parse_version(text: str) -> tuple[int, int, int]:
    """The version in ``1.22.1`` or in the output of ``nginx -v``.

    Raises:
        ValueError: there is none.
    """
    found = re.search(r"(?:^|nginx/)(\d+)\.(\d+)\.(\d+)", text)
    if not found:
        raise ValueError(f"no version of nginx in {text!r}")
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch)
