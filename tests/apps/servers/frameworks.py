"""One small app of each framework whose routes are recognised, in one file."""

from fastapi import APIRouter, FastAPI
from flask import Flask

flask_app = Flask(__name__)


@flask_app.get("/items/<int:number>")
def flask_item(number):
    return {"number": number}


router = APIRouter(prefix="/v1")


@router.get("/items/{number}")
async def fastapi_item(number: int):
    return {"number": number}


fastapi_app = FastAPI()
fastapi_app.include_router(router, prefix="/api")
shop = FastAPI()
shop.include_router(router)
fastapi_app.mount("/shop", shop)
