"""``python freeze.py FOLDER``: the Flask site by Frozen-Flask, as its documentation has it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import site_text
from flask_frozen import Freezer
from flask_site import app

app.config["FREEZER_DESTINATION"] = sys.argv[1]
freezer = Freezer(app)


@freezer.register_generator
def page() -> Iterator[dict[str, int]]:
    for n in range(site_text.PAGES):
        yield {"n": n}


freezer.freeze()
