from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support import reports

from tenfold.observe.report.axes import Axis
from tenfold.observe.report.markup import Markup, element, text
from tenfold.observe.report.model import HoldTaken, Report, Slice, StepTaken, Waits
from tenfold.observe.report.page import POLICY, page

VOID = {"meta", "br"}
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>&\x00\x1b\ud800'
EMPTY = Report("bakery", "grow", "10", "100", "10", "10", 5.0, 5.0, "failed")


class Parsed(HTMLParser):
    """Elements, attributes and words of a page; fails where one is not closed in order."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words += data


@pytest.mark.parametrize(
    "report",
    [
        reports.grown(),
        reports.backed_out(),
        reports.grown(holds=(), waits=None),
        reports.grown(waits=None),
        reports.grown(ledger={**(reports.grown().ledger or {}), "acknowledged": None}),
        EMPTY,
    ],
    ids=["grown", "backed out", "not held", "no log", "no ledger", "empty"],
)
def test_a_page_is_well_formed_and_needs_nothing_else(report: Report) -> None:
    source = page(report)
    found = Parsed(source)
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(found.names)
    assert not re.search(r"url\(|@import|https?://|src=|href=", source)
    assert [name for name, _ in found.attributes if name.startswith("on")] == []
    assert ("content", POLICY) in found.attributes
    assert not re.search(r'(?:x|y|d|width|height)="[^"]*nan', source)


def test_the_page_says_what_matters_first() -> None:
    said = Parsed(page(reports.grown())).words
    assert "bakery moved from stage 10 to stage 100 while it ran." in said
    assert re.search(r"\d+ requests waited, the longest for 121 ms; none failed\.", said)
    for heading in (
        "Over time",
        "While requests were held",
        "How long they waited",
        "What was done",
        "Are both databases the same?",
        "Did anything stand in the way?",
        "Load that was under way",
        "What may come next",
    ):
        assert heading in said
    assert "at the end of the load, by itself" in said


def test_every_drawing_has_words_for_those_who_do_not_see_it() -> None:
    source = page(reports.grown())
    assert source.count('role="img"') == 2
    told = r'<svg role="img"[^>]*><title>[^<]+</title><desc>[^<]+</desc>'
    assert len(re.findall(told, source)) == 2
    untold = r"<svg (?![^>]*(?:role|aria-hidden|viewBox|x)=)"
    assert re.findall(untold, source) == []


def test_what_is_older_than_the_log_that_was_read_is_not_drawn_as_nothing() -> None:
    waits = reports.grown().waits
    assert waits is not None
    source = page(reports.grown(waits=replace(waits, since=reports.BEGAN + 20.5)))
    drawn = re.search(r'<path d="M([\d.]+) [^"]*" class="rate line"', source)
    assert drawn is not None
    assert float(drawn[1]) == pytest.approx(1000 * 21 / 34.1, abs=0.1)


def test_a_failure_is_told_before_everything_else() -> None:
    said = Parsed(page(reports.backed_out())).words
    assert said.index("What went wrong") < said.index("Over time")
    assert "let vm1/postgres lead again" in said
    assert "What may come next" not in said  # "What next" says it already


def test_nothing_that_anybody_named_becomes_markup() -> None:
    evil = reports.grown(
        app=EVIL,
        error=EVIL,
        changed=EVIL,
        advice=EVIL,
        taken_back=(EVIL,),
        choices=(EVIL,),
        before=EVIL,
        steps=(StepTaken(EVIL, EVIL, reports.BEGAN + 32.3, 0.2, EVIL),),
        holds=(HoldTaken(EVIL, reports.BEGAN + 32.351, reports.BEGAN + 32.472),),
        verification={
            **(reports.grown().verification or {}),
            "changing": [EVIL],
            "not_read": [EVIL],
            "differences": [EVIL],
        },
        checks=(dict.fromkeys(("name", "severity", "what", "evidence", "fix"), EVIL),),
        ledger={**(reports.grown().ledger or {}), "ledgers": [EVIL]},
    )
    source = page(evil)
    found = Parsed(source)
    assert not {"script", "img"} & set(found.names)
    assert "<script>alert(1)</script>" in found.words
    source.encode("utf-8")
    assert not re.search("[\x00\x1b]", source)


moments = st.floats(0, 4000).map(lambda offset: reports.BEGAN + offset)
lengths = st.floats(0, 4000) | st.just(0.0)


@settings(max_examples=60)
@given(
    began=moments,
    hold=lengths,
    whole=lengths,
    steps=st.lists(st.tuples(moments, lengths), max_size=4),
    histogram=st.lists(st.integers(0, 9), max_size=20),
    timeline=st.lists(st.builds(Slice, st.integers(0, 9), st.integers(0, 9), lengths), max_size=4),
)
def test_whatever_the_figures_everything_lies_within_the_drawing(
    began: float, hold: float, whole: float, steps: Any, histogram: Any, timeline: Any
) -> None:
    waits = Waits(
        count=sum(histogram),
        longest_ms=hold * 1000,
        longest_total_ms=hold * 1000,
        bin_ms=10.0,
        histogram=tuple(histogram),
        failed=0,
        left=0,
        requests=sum(one.requests for one in timeline),
        since=reports.BEGAN - 1.0,
        until=reports.BEGAN + len(timeline),
        slice_seconds=1.0,
        timeline=tuple(timeline),
    )
    source = page(
        replace(
            reports.grown(),
            ended=reports.BEGAN + whole,
            holds=(HoldTaken("vm1/app", began, began + hold),),
            steps=tuple(StepTaken("Hold", "hold", at, took) for at, took in steps),
            waits=waits,
        )
    )
    Parsed(source)
    places = [float(found) for found in re.findall(r'(?:x|x1|x2|width)="(-?[\d.e+-]+)%"', source)]
    assert all(0 <= place <= 100 for place in places)
    assert not re.search(r'(?:x|y|d|width|height)="[^"]*(?:nan|inf)', source)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_lie_on_their_axis_and_are_few(start: float, span: float) -> None:
    axis = Axis(start, start + span)
    ticks = axis.ticks()
    assert len(ticks) <= 6
    assert all(start - span * 1e-3 <= tick <= start + span * 1.001 for tick in ticks)


@given(st.text())
def test_text_comes_out_as_it_went_in_or_without_what_no_page_may_have(content: str) -> None:
    made = element("p", content, title=content)
    made.encode("utf-8")
    found = Parsed(made)
    assert found.names == ["p"]
    assert len(found.attributes) == 1
    if content.isascii() and content.isprintable():
        assert found.words == content == found.attributes[0][1]


def test_markup_is_not_escaped_twice() -> None:
    assert text(Markup("<b>")) == "<b>"
    assert element("p", element("b", "<")) == "<p><b>&lt;</b></p>"
    assert element("p", None, class_="a", data_x=None, hidden=True) == '<p class="a" hidden=""></p>'
