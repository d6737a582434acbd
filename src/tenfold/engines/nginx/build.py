"""What a build of nginx can do, as ``nginx -V`` tells it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Build:
    """A build of nginx; the default is the oldest and plainest that files are rendered for.

    ``clears_headers``: it has the module headers-more, which can remove request headers by a
    pattern; nginx itself only those that are named. ``stream`` is how it relays connections that
    are no HTTP: built in, by a module that has to be loaded from ``modules``, or not at all.
    """

    version: tuple[int, int, int] = (1, 22, 1)
    clears_headers: bool = False
    stream: Literal["built in", "module", "none"] = "none"
    modules: str = ""

    @property
    def mixes_http2(self) -> bool:
        """One cleartext port can speak HTTP/1.1 and HTTP/2 (``http2 on``, since 1.25.1).

        Before, ``listen ... http2`` on a cleartext port answered HTTP/2 alone.
        """
        return self.version >= (1, 25, 1)

    @property
    def renews_ticket_keys(self) -> bool:
        """Keys of session tickets are made anew by itself, in the shared cache (since 1.23.2)."""
        return self.version >= (1, 23, 2)

    @property
    def keeps_certificates(self) -> bool:
        """Certificates that are named by a variable need not be read every time (since 1.27.4)."""
        return self.version >= (1, 27, 4)

    @property
    def spares_idle_clients(self) -> bool:
        """A reload leaves idle keep-alive clients time (since 1.27.4)."""
        return self.version >= (1, 27, 4)


def parse_build(told: str) -> Build:
    """The build that printed this for ``nginx -V``.

    Raises:
        ValueError: it is not what nginx prints.
    """
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", told)
    if not found:
        raise ValueError(f"no version of nginx in {told!r}")
    major, minor, patch = found.groups()
    linked_in = "--add-module=headers-more" in told
    modules = re.search(r"--modules-path=(\S+)", told)
    return Build(
        (int(major), int(minor), int(patch)),
        clears_headers=linked_in,
        stream=_stream(told),
        modules=modules[1] if modules else "",
    )


def _stream(told: str) -> Literal["built in", "module", "none"]:
    if "--with-stream=dynamic" in told:
        return "module"
    return "built in" if re.search(r"--with-stream(\s|$)", told) else "none"
