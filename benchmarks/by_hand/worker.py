"""One uvicorn on a socket that its parent listens on: ``worker.py MODULE:ATTRIBUTE FD``.

Not ``uvicorn --fd``: that takes any descriptor for a unix socket, and so serves TCP without
TCP_NODELAY and without the client's address. Everything else is as ``uvicorn`` does it. Runs in the
app's environment and knows nothing of Tenfold.
"""

import os
import socket
import sys

import uvicorn


class Server(uvicorn.Server):
    """Says when it accepts, which uvicorn does not on a socket that it was given."""

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        print("accepting", flush=True)


entry, fd = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, os.getcwd())
config = uvicorn.Config(
    entry,
    access_log=False,
    server_header=False,
    proxy_headers=True,
    forwarded_allow_ips="127.0.0.1",
    timeout_keep_alive=75,
)
Server(config).run(sockets=[socket.socket(fileno=fd)])
