"""PostgreSQL under Patroni, on a leash; why: decision 0028.

- :mod:`.render`: files and launch of a unit, pure (:mod:`.dynamic` is what the cluster shares)
- :mod:`.binaries`: whether Patroni is there
- :mod:`.admin`: orders: switchover, failover, pause, configuration; to let others elect at once
- :mod:`.probe`: the cluster as Patroni sees it
- :mod:`.rest`: how Patroni is asked

The leash itself is :mod:`tenfold.leash`.
"""

from tenfold.engines.patroni.binaries import require_patroni
from tenfold.engines.patroni.render import Patroni

__all__ = ["Patroni", "require_patroni"]
