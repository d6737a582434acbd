"""What runs inside the app's own process: the wrapper around it and a launcher for each server.

This folder is copied beside the app's release, together with :mod:`tenfold.wiring`, under the name
``_tenfold`` (see :mod:`.package`) and imported by the app's interpreter. Therefore it uses the
standard library and relative imports only, works on every maintained CPython, and imports the app's
server (uvicorn, gunicorn) late and from the app's own environment.
"""
