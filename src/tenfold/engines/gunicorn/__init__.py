"""gunicorn, the server of WSGI apps: one unit is a master and its workers."""
