"""PostgreSQL.

- :mod:`.render`: files and launch of a unit, pure (:mod:`.conf`, :mod:`.hba`, :mod:`.sizing`,
  :mod:`.peers`)
- :mod:`.binaries`: which installation to use
- :mod:`.admin`: roles, database, grants; sessions (:mod:`.login`, :mod:`.grants`, :mod:`.scram`)
- :mod:`.probe`: what the server is doing
- :mod:`.orders`: commands for a host's agent, pure, and what they print (:mod:`.disk`)
- :mod:`.replication`: slots and followers
- :mod:`.switch`: what a change of leaders asks of servers
- :mod:`.checks`: what stands in the way of one, pure (:mod:`.facts` asks)
- :mod:`.verify`: do leader and follower hold the same (:mod:`.counting`, :mod:`.schema`)
"""
