"""The page of a report in a browser: it fits a phone, complains of nothing and loads nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from tests.support import reports

from tenfold.observe.report.model import Report
from tenfold.observe.report.page import page

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
PHONE, DESK = 500, 1100  # a headless window is not narrower than 500

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(180),
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium"),
]

LOOK = """
<pre id="found"></pre><script>
document.getElementById("found").textContent = JSON.stringify({
  width: innerWidth,
  needed: document.documentElement.scrollWidth,
  loaded: performance.getEntriesByType("resource").length,
  outside: [...document.querySelectorAll("text, td, th, dd, li, p, h1, h2, code")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.textContent),
  covered: [...document.querySelectorAll("svg.plot")].map(s => {
    const seen = [...s.querySelectorAll("text")].map(t => t.getBoundingClientRect());
    return seen.some((a, i) => seen.some((b, j) => i < j && a.left < b.right - 1
      && b.left < a.right - 1 && a.top < b.bottom - 3 && b.top < a.bottom - 3));
  }),
});
</script></body>"""


def browsed(folder: Path, source: str, width: int) -> tuple[str, str]:
    """The document as the browser has it, and what it complained of."""
    file = folder / "page.html"
    file.write_text(source, "utf-8")
    assert BROWSER is not None
    found = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={width},2000",
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return found.stdout, "\n".join(re.findall(r".*CONSOLE.*", found.stderr))


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize(
    "report",
    [
        reports.grown(),
        reports.backed_out(),
        reports.grown(app="b" * 60, error="e" * 300, choices=("complete",)),
    ],
    ids=["grown", "backed out", "long words"],
)
def test_everything_lies_within_the_window(report: Report, width: int, tmp_path: Path) -> None:
    # The script is the test's own, so the page's policy, which forbids any, is left out here.
    source = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page(report))
    document, complaints = browsed(tmp_path, source.replace("</body>", LOOK), width)
    told = re.search(r'<pre id="found">(.*?)</pre>', document, re.S)
    assert told is not None
    found: dict[str, Any] = json.loads(unescape(told[1]))
    assert found["needed"] <= found["width"]
    assert found["outside"] == []
    assert True not in found["covered"]
    assert found["loaded"] == 0
    assert complaints == ""


def test_the_browser_has_nothing_to_complain_of(tmp_path: Path) -> None:
    document, complaints = browsed(tmp_path, page(reports.grown()), DESK)
    assert complaints == ""
    assert "What may come next" in document


def test_a_script_that_came_in_would_not_run(tmp_path: Path) -> None:
    evil = page(reports.grown()).replace("</main>", "<script>document.title='ran'</script></main>")
    document, complaints = browsed(tmp_path, evil, DESK)
    assert "<title>ran</title>" not in document
    assert "Content Security Policy" in complaints
