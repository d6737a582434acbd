"""``[storage]``: what can be kept and served, and what is refused with which words."""

from __future__ import annotations

import pytest

from tenfold.errors import SpecError
from tenfold.spec.read import parse
from tenfold.stages.facts import AppFacts, Machine
from tenfold.stages.stage_10 import topology
from tenfold.topology.settings import Asset, EdgeSettings

HEAD = 'name = "shop"\napp = "shop:app"\n'


def test_what_is_named_is_served_and_nothing_else() -> None:
    spec = parse(
        HEAD + '[storage]\ndirs = ["media/", "var/papers"]\n'
        'urls = { "/media/" = "media", "/open" = "var/papers/open" }\n'
    )
    assert spec.storage.dirs == ("media", "var/papers")
    made = topology(spec, Machine(2, 1 << 30), AppFacts("uvicorn", "asgi"))
    edge = made.member("vm1/edge").settings
    assert isinstance(edge, EdgeSettings)
    assert edge.stored == (Asset("/media", "media"), Asset("/open", "var/papers/open"))


def test_without_it_nothing_is_kept() -> None:
    assert parse(HEAD).storage.dirs == ()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('dirs = ["/srv/media"]', "is not a directory of the project"),
        ('dirs = ["../media"]', "is not a directory of the project"),
        ('dirs = ["."]', "the whole project cannot be kept"),
        ('dirs = [".tenfold/x"]', "is no folder for user files"),
        ('dirs = ["media", "media/private"]', 'dirs: "media" and "media/private" overlap'),
        ('dirs = ["media", "./media"]', 'dirs: "media" and "media" overlap'),
        ('urls = { "/media" = "media" }', '"/media" = "media" is not in dirs'),
        ('dirs = ["me"]\nurls = { "/m" = "media" }', "is not in dirs"),
        (
            'dirs = ["a", "b"]\nurls = { "/m" = "a", "/m/b" = "b" }',
            'urls: "/m" and "/m/b" overlap',
        ),
        ('dirs = ["a"]\nurls = { "/" = "a" }', "is not a URL prefix"),
        ('dirs = "media"', 'is not a list; write it as ["media"]'),
        (f"dirs = {[f'd{n}' for n in range(17)]}", "at most 16 items"),
    ],
)
def test_refused(text: str, answer: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse(f"{HEAD}[storage]\n{text}\n")
    assert answer in refused.value.what
    assert "storage" in refused.value.what


@pytest.mark.parametrize(
    ("assets", "answer"),
    [
        ('"/static" = "media/site"', '"/static" = "media/site" is user files'),
        ('"/media/site" = "site"', '"/media/site" of [static] assets lies in "/media"'),
        ('"/media" = "site"', '"/media" of [static] assets lies in "/media"'),
    ],
)
def test_static_files_lie_elsewhere(assets: str, answer: str) -> None:
    text = f'[static]\nassets = {{ {assets} }}\n[storage]\ndirs = ["media"]\n'
    with pytest.raises(SpecError, match=r"(?s)storage") as refused:
        parse(HEAD + text + 'urls = { "/media" = "media" }\n')
    assert answer in refused.value.what
