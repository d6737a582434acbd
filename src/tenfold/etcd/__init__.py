"""A client of etcd over the JSON gateway that every member has: keys, leases, watches.

::

    client = Client(Access(("http://127.0.0.4:2379", "http://127.0.0.6:2379")))
    client.transact([absent("/shop/leader")], [Put("/shop/leader", b"db1")])

Every call goes to one member after another until one answers, within a bound. So what is sent may
arrive twice, the second time later: whoever must not be overwritten by a late copy of an earlier
word has a compare in its transaction. Why no library: docs/decisions/0029-journal-in-etcd.md.
"""

from tenfold.etcd.access import Access
from tenfold.etcd.client import Client, Member, Status
from tenfold.etcd.faults import EtcdError
from tenfold.etcd.lease import Holding, Lease
from tenfold.etcd.values import (
    Compare,
    Delete,
    KeyValue,
    Put,
    Range,
    Result,
    absent,
    created_at,
    unchanged,
    value_is,
)
from tenfold.etcd.watching import Change, watch

__all__ = [
    "Access",
    "Change",
    "Client",
    "Compare",
    "Delete",
    "EtcdError",
    "Holding",
    "KeyValue",
    "Lease",
    "Member",
    "Put",
    "Range",
    "Result",
    "Status",
    "absent",
    "created_at",
    "unchanged",
    "value_is",
    "watch",
]
