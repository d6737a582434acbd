"""granian, a server of ASGI and WSGI apps: one unit is its master, its workers and their door."""
