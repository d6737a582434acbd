"""nginx as the edge: static files, buffering, limits, request ids; why nginx: decision 0003."""

from tenfold.engines.nginx.binaries import Found, find
from tenfold.engines.nginx.build import Build
from tenfold.engines.nginx.render import Nginx

__all__ = ["Build", "Found", "Nginx", "find"]
