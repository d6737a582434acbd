"""hypercorn, a server of ASGI and WSGI apps: one unit is one process is one worker."""
