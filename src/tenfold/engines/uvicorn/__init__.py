"""uvicorn, the server of ASGI apps: one unit is one process is one worker."""
