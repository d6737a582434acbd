"""A leash for Patroni: where it ends, its PostgreSQL ends, verifiably.

- :mod:`.__main__`: ``python -I -m tenfold.leash keep CONFIG``, the unit's process
- :mod:`.keeping`: starts Patroni, waits for whatever ends it, ends the rest
- :mod:`.guarding`: a second process, for when the first one is killed
- :mod:`.watching`: is the lease renewed; asks etcd and Patroni
- :mod:`.deaths`: is another member dead for certain; then nobody waits for its lease
- :mod:`.deciding`: until when may PostgreSQL write, pure
- :mod:`.processes`: which processes work in a data directory, and how they end
- :mod:`.etcd`: the few questions and orders that it has for etcd
- :mod:`.config`: what it is told

Why, and what it covers: docs/decisions/0028-failover.md. Standard library only: it is there when
nothing else works.
"""
