"""PostgreSQL.

- :mod:`.render`: files and launch of a unit, pure (:mod:`.conf`, :mod:`.hba`, :mod:`.sizing`)
- :mod:`.binaries`: which installation to use
- :mod:`.admin`: roles, database, grants; sessions (:mod:`.login`, :mod:`.grants`, :mod:`.scram`)
- :mod:`.probe`: what the server is doing
"""
