"""What an app's answer means for a static site: a file, a redirect, nothing, or a fault. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from tenfold.export import media

MOVED: Final = frozenset({301, 302, 303, 307, 308})
MISSING: Final = frozenset({404, 410})
_LOGIN: Final = re.compile(r"(^|/)(log[-_]?in|sign[-_]?in|sso|oauth2?|auth)(/|$)", re.IGNORECASE)
_BACK: Final = frozenset({
    "next", "return", "return_to", "returnurl", "redirect", "redirect_to", "back", "continue",
})  # fmt: skip
# What stands in an address as it is, see RFC 3986.
_PLAIN: Final = "%/:?#[]@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an answer: headers by their names in lower case, and names of cookies."""

    status: int
    headers: Mapping[str, str]
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Content:
    """A file; ``type`` is without parameters."""

    type: str
    charset: str | None

    @property
    def html(self) -> bool:
        """Whether it is a page."""
        return self.type in media.HTML


@dataclass(frozen=True, slots=True)
class Moved:
    """A redirect; ``status`` as hosts know it."""

    location: str
    status: int


@dataclass(frozen=True, slots=True)
class Missing:
    """There is nothing."""

    status: int


@dataclass(frozen=True, slots=True)
class Fault:
    """It can be no part of a static site: why, and what to do."""

    what: str
    next: str


Verdict = Content | Moved | Missing | Fault


def judge(head: Head, asked: str) -> Verdict:
    """What the head of an answer to this path means."""
    location = head.headers.get("location", "")
    moved = head.status in MOVED and bool(location)
    if (
        head.status == 401
        or "www-authenticate" in head.headers
        or (moved and _to_login(location, asked))
    ):
        return _login(head, asked, location)
    if head.cookies:
        names = ", ".join(dict.fromkeys(head.cookies))
        return Fault(
            f"sets a cookie ({names}), which no file can: every visitor would share one answer",
            f'have the app set none there, or leave the page out: exclude = ["{asked}"]',
        )
    if moved:
        return _moved(head.status, location)
    if head.status in MISSING:
        return Missing(head.status)
    if head.status != 200:
        return _unfit(head.status, asked)
    return _content(head)


def _login(head: Head, asked: str, location: str) -> Fault:
    how = f"leads to {location[:200]}" if location else f"answers {head.status}"
    return Fault(
        f"needs a login: it {how}",
        f'export pages that everybody may see, and leave this one out: exclude = ["{asked}"]',
    )


def _to_login(location: str, asked: str) -> bool:
    """Whether a redirect asks who is there: by its path, or as it says that this is where to return
    to."""
    try:
        parts = urlsplit(location)
        query = parse_qsl(parts.query, max_num_fields=50)
    except ValueError:
        return False
    back = any(name.lower() in _BACK and asked in value for name, value in query)
    return back or bool(_LOGIN.search(parts.path))


def _moved(status: int, location: str) -> Verdict:
    scheme = location.partition(":")[0].lower() if ":" in location.partition("/")[0] else ""
    if scheme not in ("", "http", "https"):
        return Fault(
            f"leads to an address that is none of the web: {location[:80]}",
            "redirect to a path, or to an http or https address",
        )
    return Moved(quote(location, safe=_PLAIN), 302 if status == 303 else status)


def _unfit(status: int, asked: str) -> Fault:
    if status == 400:
        return Fault(
            "answers 400: perhaps it does not know the name under which it is asked",
            'name the site that it is for: [static] url = "https://example.org"',
        )
    if status == 403:
        what = "answers 403: not everybody may see it"
    elif status >= 500:
        what = f"answers {status}"
    else:
        what = f"answers {status}, and a file is always 200"
    return Fault(what, f'have it answer 200, or leave it out: exclude = ["{asked}"]')


def _content(head: Head) -> Verdict:
    encoding = head.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        return Fault(
            f"is compressed ({encoding}) although nobody asked for it",
            "have the app compress only for those who say Accept-Encoding",
        )
    told = head.headers.get("content-type", "")
    if media.bare(told) in ("text/event-stream", "multipart/x-mixed-replace"):
        return Fault(
            f"streams for ever: it is {media.bare(told)}",
            "leave it out of [static] pages; it comes with the app, at stage 10",
        )
    return Content(media.bare(told) or media.UNKNOWN, media.charset(told))
