"""A member of an etcd cluster, which holds what has to survive any one host; why: decision 0028.

- :mod:`.render`: files and launch of a unit, pure
- :mod:`.authority`: who may connect: certificates of the deployment's own authority
- :mod:`.binaries`: which build to use
- :mod:`.admin`: members, snapshots
- :mod:`.probe`: what the cluster is doing
"""

from tenfold.engines.etcd.binaries import Found, find, written_by
from tenfold.engines.etcd.render import Etcd

__all__ = ["Etcd", "Found", "find", "written_by"]
