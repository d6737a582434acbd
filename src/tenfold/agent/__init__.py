"""One daemon per host: starts, watches and stops its units, and owns its listening sockets.

Nothing here imports pydantic, rich, psycopg or aiohttp: the daemon runs on every host for as long
as the host lives, so its memory counts. ``docs/explanation/agent.md`` tells how it works.
"""
