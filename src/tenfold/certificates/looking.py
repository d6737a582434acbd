"""Does a name lead here? Looked at as an authority will: DNS, port 80, a file that only we know."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tenfold.certificates.state import Fault

PORT = 80
WITHIN_SECONDS = 10.0
PATH = "/.well-known/acme-challenge/"
_MOST_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """What answered for a name at one address: this site, somebody else, or nobody."""

    name: str
    address: str
    verdict: Literal["here", "elsewhere", "silent"]
    detail: str = ""


def require_here(
    names: Sequence[str], folder: Path, token: str, port: int = PORT
) -> tuple[Seen, ...]:
    """See that nobody else answers for any of the names; an authority is not asked in vain.

    A name whose addresses do not answer from here may still do for others (many routers do not lead
    back what comes from inside), so that is no reason to give up; gives those.

    Args:
        names: of the site.
        folder: what the edge shows to authorities.
        token: a name for a file there that nobody else can know.
        port: at which an authority asks.

    Raises:
        Fault: a name leads nowhere, or somewhere else.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / token
    file.write_text(token)
    try:
        seen = [look(name, address, token, port) for name in names for address in addresses(name)]
    finally:
        file.unlink()
    for one in seen:
        if one.verdict == "elsewhere":
            raise Fault(
                "name",
                f"{one.name} leads to {one.address}, where somebody else answers ({one.detail})",
                f"have the A and AAAA records of {one.name} name this machine, and port {PORT}"
                " there lead to [edge] port here; it is looked at again by itself",
            )
    return tuple(one for one in seen if one.verdict == "silent")


def addresses(name: str) -> tuple[str, ...]:
    """Where a name leads. Raises ``Fault``."""
    try:
        found = socket.getaddrinfo(name, PORT, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Fault(
            "name",
            f"{name} leads nowhere: {error.strerror}",
            f"give {name} an A or AAAA record that names this machine; it is looked at again by"
            " itself",
        ) from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def look(name: str, address: str, token: str, port: int) -> Seen:
    """Ask one address for the file, by the site's name."""
    connection = http.client.HTTPConnection(address, port, timeout=WITHIN_SECONDS)
    try:
        connection.request("GET", PATH + token, headers={"Host": name})
        answer = connection.getresponse()
        body = answer.read(_MOST_BYTES)
    except (OSError, http.client.HTTPException) as error:
        return Seen(name, address, "silent", str(error))
    finally:
        with suppress(OSError):
            connection.close()
    if answer.status == 200 and body == token.encode():
        return Seen(name, address, "here")
    return Seen(name, address, "elsewhere", f"status {answer.status}")
