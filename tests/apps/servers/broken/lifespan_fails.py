from contextlib import asynccontextmanager

from starlette.applications import Starlette


@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("the cache is not reachable")
    yield


app = Starlette(lifespan=lifespan)
