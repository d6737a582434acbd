"""Published pages beside the app's own answers: status, type, title and canonical link."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Final
from urllib.parse import quote, urljoin, urlsplit

from tenfold.secret import Secret
from tenfold.transitions.telling import Lasting

SECONDS: Final = 10.0
"""So long either may take for one page."""
HEAD_BYTES: Final = 256 << 10
"""Title and canonical link are looked for in so much of a page."""
MOST_SILENT: Final = 3
"""After so many pages without any answer the published site is not asked any more."""
_PAGES: Final = ("text/html", "application/xhtml+xml")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Who is asked: ``published`` and ``app`` are URLs without a path, ``site`` is the URL by which
    the app is asked, with the path that it is below. ``login`` is what the published site wants to
    know, as ``name:password``."""

    published: str
    app: str
    site: str
    login: Secret | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is compared of an answer. ``type`` is without parameters."""

    status: int
    type: str = ""
    title: str | None = None
    canonical: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One path, and what of it differs."""

    path: str
    what: str
    published: str
    app: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{self.path}: {self.what} {self.published} as published, {self.app} from the app"


def differences(path: str, published: Answer, app: Answer) -> Iterator[Difference]:
    """What differs. Pure."""
    if published.status != app.status:
        yield Difference(path, "status", str(published.status), str(app.status))
        return
    for what in ("type", "title", "canonical"):
        one, other = getattr(published, what), getattr(app, what)
        if one != other:
            yield Difference(path, what, _shown(one), _shown(other))


def compare(who: Comparison, paths: Iterable[str], tell: Callable[[str], None]) -> list[Difference]:
    """Ask for every path in both places, and tell how far it is.

    Whoever cannot be asked is told of, and is no difference: nothing depends on this comparison.
    """
    found: list[Difference] = []
    silent = 0
    every = list(paths)
    for number, path in enumerate(every, 1):
        tell(f"{number:,} of {len(every):,} pages")
        published = _ask(who.published + _quoted(path), who.site + path, login=who.login)
        silent = 0 if published is not None else silent + 1
        if published is None:
            if silent >= MOST_SILENT:
                tell(Lasting(f"{who.published} does not answer: its pages are not compared"))
                return found
            continue
        found += differences(path, published, _of_app(who, path) or Answer(0))
    return found


def _of_app(who: Comparison, path: str) -> Answer | None:
    """A page that hosts show at ``/about/`` may be the app's at ``/about``."""
    base = who.site + path
    answer = _ask(who.app + _below(who.site, _quoted(path)), base, host=who.site)
    if path.endswith("/") and path != "/" and (answer is None or answer.status != 200):
        bare = _quoted(path).rstrip("/")
        other = _ask(who.app + _below(who.site, bare), base, host=who.site)
        if other is not None and other.status == 200:
            return other
    return answer


def _below(site: str, path: str) -> str:
    return urlsplit(site).path.rstrip("/") + path


def _quoted(path: str) -> str:
    return quote(path, safe="/:@!$&'()*+,;=~")


def _ask(
    url: str, base: str, *, host: str | None = None, login: Secret | None = None
) -> Answer | None:
    """The answer of a URL, by the name of ``host``; ``base`` is what its links are relative to."""
    headers = {"Accept": "text/html, */*;q=0.8"}
    if host is not None:
        parts = urlsplit(host)
        headers |= {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme}
    if login is not None:
        headers["Authorization"] = "Basic " + b64encode(login.reveal().encode()).decode()
    asked = urllib.request.Request(url, headers=headers)  # noqa: S310 - ours, see Comparison
    try:
        with _OPENER.open(asked, timeout=SECONDS) as answer:
            return _read(answer, base)
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers.get_content_type())
    except (OSError, http.client.HTTPException, ValueError):
        return None


def _read(answer: http.client.HTTPResponse, base: str) -> Answer:
    kind = answer.headers.get_content_type()
    if kind not in _PAGES:
        return Answer(answer.status, kind)
    charset = answer.headers.get_content_charset() or "utf-8"
    try:
        text = answer.read(HEAD_BYTES).decode(charset, "replace")
    except LookupError:
        text = ""
    head = _Head()
    head.feed(text)
    link = urljoin(base, head.canonical) if head.canonical else None
    return Answer(answer.status, kind, " ".join("".join(head.title).split()) or None, link)


class _Head(HTMLParser):
    """Title and canonical link of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.canonical: str | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" and not self.title:
            self._in_title = True
        given = dict(attrs)
        if tag == "link" and "canonical" in (given.get("rel") or "").lower().split():
            self.canonical = self.canonical or given.get("href")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("title", "head"):
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title.append(data)


class _Stays(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays)


def _shown(value: str | None) -> str:
    return "none" if value is None else repr(value)
