"""A browser, as far as the tests need one."""

from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

MIGRATIONS = Path(__file__).parent.parent / "migrations"
PASSWORD = "a pot of ink"


class Browser:
    """Keeps cookies and fills in forms."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str) -> TestResponse:
        """A page, wherever it leads."""
        return self.client.get(path, follow_redirects=True)

    def submit(self, path: str, action: str | None = None, **fields: str) -> TestResponse:
        """Open the page and send its form."""
        token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', self.get(path).text)
        assert token, path
        form = {"csrf_token": token[1], **fields}
        return self.client.post(action or path, data=form, follow_redirects=True)

    def sign_up(self, name: str) -> TestResponse:
        """Begin a notebook."""
        return self.submit("/register", name=name, password=PASSWORD)
