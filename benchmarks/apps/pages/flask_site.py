"""The site as a Flask app."""

from __future__ import annotations

import site_text
from flask import Flask

app = Flask(__name__)


@app.get("/")
def index() -> str:
    return site_text.index()


@app.get("/page/<int:n>/")
def page(n: int) -> str:
    return site_text.page(n)
