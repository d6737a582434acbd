"""A Redis-compatible server beside the app: a broker for workers, a cache; why: decision 0013."""

from tenfold.engines.redis.binaries import Found, find
from tenfold.engines.redis.render import Redis

__all__ = ["Found", "Redis", "find"]
