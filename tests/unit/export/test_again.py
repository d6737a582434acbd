"""The second look, with processes that answer frames as the runtime does."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable

import pytest
from tests.support.hosts import until

from tenfold.errors import ExportError
from tenfold.export import again
from tenfold.export.again import Made, SecondLook
from tenfold.wiring.rendering import RenderSettings

SETTINGS = RenderSettings("pages:app", "auto", "http", "localhost", "", 20.0, 1000)
SAYS = """
    import json, struct, sys, time

    def say(kind, **data):
        text = json.dumps(data).encode()
        sys.stdout.buffer.write(struct.pack(">cI", kind, len(text)) + text)
        sys.stdout.buffer.flush()

    sys.stdin.readline()
    say(b"R", interface="wsgi")
    for line in sys.stdin:
        path = json.loads(line)["path"]
        if path == "/waits":
            time.sleep(600)
        if path == "/raises":
            say(b"F", what="raised", detail="no")
            continue
        say(b"S", status=200, headers={}, cookies=[])
        say(b"E", bytes=1, sha256=path, said="")
"""
Look = Callable[[], SecondLook]


@pytest.fixture
def look() -> SecondLook:
    def start() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", textwrap.dedent(SAYS)]
        return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)

    return SecondLook(start, SETTINGS)


def made(path: str, digest: str | None = None) -> Made:
    return Made(path, 200, path if digest is None else digest, time.monotonic())


def test_what_differs_is_told_in_order_and_nothing_is_asked_too_early(look: SecondLook) -> None:
    look.start()
    began = time.monotonic()
    for path, digest in (("/a", None), ("/b", "other"), ("/c", None), ("/d", "other")):
        look.add(made(path, digest))
    assert look.finish() == ["/b", "/d"]
    assert time.monotonic() - began >= again.LATER_SECONDS


def test_a_page_that_cannot_be_made_again_fails_the_export(look: SecondLook) -> None:
    look.start()
    look.add(made("/raises"))
    with pytest.raises(ExportError, match="/raises raised when it was made a second time"):
        look.finish()


def test_nothing_to_compare_is_fine(look: SecondLook) -> None:
    look.start()
    assert look.finish() == []


def test_who_gives_up_does_not_wait_for_the_page_at_hand(look: SecondLook) -> None:
    look.start()
    look.add(made("/waits"))
    until(lambda: look.left == 0, "the page to be asked for")
    began = time.monotonic()
    look.give_up()
    assert time.monotonic() - began < SETTINGS.page_seconds / 2
    assert not look.is_alive()
