"""Every link of the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.docs.pages import ROOT, markdown, prose

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = markdown()


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(path: Path) -> set[str]:
    """What headings are called in links, as forges make it."""
    lines = prose(path.read_text("utf-8")).splitlines()
    titles = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(prose(page.read_text("utf-8"))):
        target, _, anchor = unquote(link).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        goal = (page.parent / target).resolve() if target else page
        whole = goal.exists() and goal.is_relative_to(ROOT)
        if not whole or (anchor and anchor not in anchors(goal)):
            broken.append(link)
    assert broken == []


def test_every_page_of_the_documentation_is_linked_from_its_table_of_contents() -> None:
    contents = ROOT / "docs/README.md"
    linked = {
        (contents.parent / link.partition("#")[0]).resolve()
        for link in LINK.findall(contents.read_text("utf-8"))
    }
    folders = {path for path in linked if path.is_dir()}
    missing = [
        name(page)
        for page in PAGES
        if page.is_relative_to(contents.parent)
        and page not in linked | {contents}
        and not folders & set(page.parents)
    ]
    assert missing == []
