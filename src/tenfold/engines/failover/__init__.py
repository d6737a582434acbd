"""Who has the database endpoint follow the leader: :mod:`tenfold.failover`; decision 0030."""

from tenfold.engines.failover.render import Failover

__all__ = ["Failover"]
