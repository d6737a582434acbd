"""The site as a FastAPI app."""

from __future__ import annotations

import site_text
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

app = FastAPI()


@app.get("/", response_class=HTMLResponse)
async def index() -> str:
    return site_text.index()


@app.get("/page/{n}/", response_class=HTMLResponse)
async def page(n: int) -> str:
    return site_text.page(n)
