"""A stable address for a database, on the app's own host: nginx as a relay; why: decision 0009."""

from tenfold.engines.database_endpoint.binaries import require_stream
from tenfold.engines.database_endpoint.render import DatabaseEndpoint

__all__ = ["DatabaseEndpoint", "require_stream"]
