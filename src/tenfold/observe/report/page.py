"""A report as one page of HTML that needs nothing else. Pure."""

from __future__ import annotations

from html import escape

from tenfold.observe.report import words
from tenfold.observe.report.model import Report


def page(report: Report) -> str:
    """The page of a report."""
    return f"<!doctype html><title>{escape(words.headline(report))}</title>"
