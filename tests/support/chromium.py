"""A real browser: Chromium as the system has it, driven by Playwright.

Whatever it complains about is remembered: errors on its console, exceptions of scripts, requests
that failed and answers above 399.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from tests.support.venvs import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, Response

SCREENSHOTS = ROOT / ".cache" / "screenshots"
PACKAGES = ("playwright", "axe_playwright_python")
NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 60_000


def program() -> str | None:
    """The browser, if there is one on PATH."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@cache
def missing() -> str | None:
    """Why no browser can be had, with what to do; ``None`` if one can."""
    if not all(importlib.util.find_spec(name) for name in PACKAGES):
        return f"{' and '.join(PACKAGES)} are not installed: make browser"
    found = program()
    if found is None:
        return "there is no chromium on PATH: make browser as root, or apt-get install chromium"
    asked = subprocess.run([found, "--version"], capture_output=True, timeout=60, check=False)
    # Some systems have a program of this name that only says where else to get one.
    if asked.returncode != 0:
        return f"{found} is no browser: {asked.stderr.decode()}"
    driver = subprocess.run(
        [sys.executable, "-m", "playwright", "--version"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return None if driver.returncode == 0 else f"Playwright does not run: {driver.stderr.decode()}"


@dataclass
class Window:
    """One page of a browser, and its complaints."""

    page: Page
    name: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Remember everything that goes wrong from now on."""
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("dialog", self._asked)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def audit(self, *paths: str) -> None:
        """Complain of whatever on these pages not everybody can use, as axe-core finds it."""
        from axe_playwright_python.sync_playwright import Axe

        for path in paths:
            self.page.goto(path)
            for found in Axe().run(self.page).response["violations"]:
                places = [node["html"] for node in found["nodes"]]
                self.complaints.append(f"{path}: {found['help']} ({found['id']}): {places}")

    def screenshot(self) -> str:
        """What is to be seen now; gives the name of the file."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{self.name}.png"
        self.page.screenshot(path=path, full_page=True)
        return str(path.relative_to(ROOT))

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _failed(self, request: Request) -> None:
        if request.failure == "net::ERR_ABORTED" and "favicon" in request.url:
            return  # The browser itself gives up on a page's icon when it goes on to the next page.
        self.complaints.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            request = response.request
            self.complaints.append(f"{request.method} {request.url}: {response.status}")


@contextmanager
def window(site: str, name: str) -> Iterator[Window]:
    """A window of a fresh browser; a screenshot stays when the block fails, or it complains."""
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox refuses to work for root.
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program(), args=flags)
        try:
            context = browser.new_context(base_url=site, reduced_motion="reduce")
            context.set_default_timeout(PATIENCE_MS)
            opened = Window(context.new_page(), name)
            opened.watch()
            try:
                yield opened
                assert opened.complaints == []
            except BaseException as error:
                error.add_note(f"at {opened.page.url}, seen in {opened.screenshot()}")
                error.add_note(f"complaints of the browser: {opened.complaints}")
                raise
        finally:
            browser.close()
