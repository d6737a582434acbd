"""What both sites show: pages of some 4 KB with a navigation, a text and links to others."""

from __future__ import annotations

import os

from jinja2 import DictLoader, Environment

PAGES = int(os.environ.get("PAGES", "1000"))
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ title }}</title><link rel="stylesheet" href="/static/a.css">
</head>
<body>
<nav><a href="/">All</a>
{% for n in near %}<a href="/page/{{ n }}/">Page {{ n }}</a> {% endfor %}</nav>
<h1>{{ title }}</h1>
{% for n in range(12) %}
<p class="text">Paragraph {{ n }} of {{ title }}: {{ words[n % 5] }} &amp; {{ words[(n + 2) % 5] }},
as somebody would write it who has a lot of pages to fill and little to say on each of them.
The rest of this line is here for its length alone, which is that of an ordinary paragraph.</p>
{% endfor %}
</body>
</html>
"""
INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>All</title></head><body>
<ul>{% for n in range(pages) %}<li><a href="/page/{{ n }}/">Page {{ n }}</a></li>{% endfor %}</ul>
</body></html>
"""
WORDS = ("bread", "salt", "tide tables", "a borrowed saw", "the third notebook")
_TEMPLATES = Environment(loader=DictLoader({"page": PAGE, "index": INDEX}), autoescape=True)


def page(n: int) -> str:
    """One page."""
    near = [(n + step) % PAGES for step in range(1, 16)]
    return _TEMPLATES.get_template("page").render(title=f"Page {n}", near=near, words=WORDS)


def index() -> str:
    """The page that links to all others."""
    return _TEMPLATES.get_template("index").render(pages=PAGES)
