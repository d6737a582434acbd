"""People in a real browser, while a release is deployed and the database moves to another host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import chromium, examples
from tests.support.brought import packages
from tests.support.chromium import window
from tests.support.hosts import until
from tests.support.pictures import png
from tests.support.project import Project

if TYPE_CHECKING:
    from playwright.sync_api import FilePayload, Locator, Page

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(400),
    pytest.mark.skipif(chromium.missing() is not None, reason=str(chromium.missing())),
    pytest.mark.few(1),
]
Bring = Callable[[Any], Project]

HOSTILE = """Fine words.

<script>document.title = "taken over"</script>
<img src="/x" onerror="document.title = 'taken over'">
[a link](javascript:document.title='taken over')
"""
SMUGGLED = ".prose script, .prose [onerror], .prose [href^=javascript]"
SUPERUSER = (
    "from django.contrib.auth.models import User;"
    "User.objects.create_superuser('ada', password='a pot of ink')"
)


def address(project: Project) -> str:
    return f"http://127.0.0.1:{project.port}"


def sunrise(number: int) -> FilePayload:
    """A picture on the visitor's own disk, each another one."""
    return {"name": "sunrise.png", "mimeType": "image/png", "buffer": png(shade=number)}


def width(picture: Locator) -> int:
    """Of a picture once it is loaded, in pixels of its own; raises if it cannot be."""
    found = picture.evaluate("async (img) => { await img.decode(); return img.naturalWidth; }")
    assert isinstance(found, int)
    return found


def all_the_while(project: Project, once: Callable[[], None]) -> None:
    """Do it again and again during a deploy, and during the growth to stage 100."""
    for command in (("deploy",), ("grow", "--to", "100")):
        with project.start(*command) as moving:
            try:
                while moving.poll() is None:
                    once()
            except BaseException:
                moving.kill()
                raise
            said, _ = moving.communicate()
            assert moving.returncode == 0, said


@dataclass
class Writer:
    """Somebody on Conduit."""

    page: Page
    name: str
    written: int = 0

    def signs_up(self) -> None:
        self.page.goto("/")
        self.page.get_by_role("link", name="Sign up").click()
        self.page.get_by_label("Name").fill(self.name)
        self.page.get_by_label("Email").fill(f"{self.name}@conduit.example")
        self.page.get_by_label("Password").fill("a pot of ink")
        self.page.get_by_role("button", name="Sign up").click()
        self.page.get_by_role("link", name="Write", exact=True).wait_for()

    def writes(self) -> str:
        """An article with a picture; gives its address."""
        self.written += 1
        title = f"Number {self.written} of {self.name}"
        self.page.get_by_role("link", name="Write", exact=True).click()
        self.page.get_by_label("Title").fill(title)
        self.page.get_by_label("Summary").fill("What one sees before breakfast")
        self.page.get_by_label("Text", exact=True).fill(HOSTILE)
        self.page.get_by_label("Picture", exact=True).set_input_files(sunrise(self.written))
        self.page.get_by_role("button", name="Publish").click()
        self.page.get_by_role("heading", name=title, level=1).wait_for()
        return self.page.url

    def reads(self, article: str) -> None:
        """The article, its picture, and nothing that somebody smuggled in."""
        self.page.goto(article)
        assert width(self.page.locator(".cover img")) == 640
        self.page.get_by_text("Fine words.").wait_for()
        assert "taken over" not in self.page.title()
        assert self.page.locator(SMUGGLED).count() == 0

    def likes_and_remarks(self) -> None:
        self.page.get_by_role("button", name="Like this article").first.click()
        self.page.locator(".like.on").first.wait_for()
        self.page.get_by_label("Your comment").fill("I was there.")
        self.page.get_by_role("button", name="Comment").click()
        self.page.get_by_text("I was there.").wait_for()

    def looks_around(self) -> None:
        self.page.goto("/")
        self.page.get_by_role("heading", name=f"Number {self.written} of").first.click()
        self.page.locator(".cover img").wait_for()
        self.page.goto(f"/profile/{self.name}")
        self.page.get_by_role("heading", name=self.name, level=1).wait_for()


def test_articles_with_pictures_are_written_and_read_all_the_while(bring: Bring) -> None:
    project = bring(examples.conduit)
    project.up()
    with window(address(project), "conduit") as browser:
        browser.audit("/", "/register", "/login")
        ada = Writer(browser.page, "ada")
        ada.signs_up()
        articles = [ada.writes()]
        browser.audit("/", articles[0], "/editor", "/settings", "/profile/ada", "/docs")

        def once() -> None:
            articles.append(ada.writes())
            ada.reads(articles[-1])
            ada.likes_and_remarks()
            ada.reads(articles[0])
            ada.looks_around()

        examples.raise_version(project, "conduit")
        all_the_while(project, once)
        ada.reads(articles[0])
        browser.page.get_by_text("Version 1.1.0").wait_for()
    assert project.status()["stage"] == "100"
    assert examples.count(project, "articles") == ada.written == len(articles)


@dataclass
class Editor:
    """Somebody who asks in the admin of Polls, and votes."""

    page: Page
    asked: int = 0

    def signs_in(self) -> None:
        self.page.goto("/admin/")
        self.page.get_by_label("Username").fill("ada")
        self.page.get_by_label("Password").fill("a pot of ink")
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="What do we ask next?").wait_for()

    def asks(self) -> None:
        """A poll with a picture, which has a small copy of it in the list."""
        self.asked += 1
        self.page.goto("/admin/polls/poll/add/")
        self.page.get_by_label("Question").fill(f"Question {self.asked}?")
        self.page.get_by_label("Picture").set_input_files(sunrise(self.asked))
        self.page.locator("#id_choices-0-text").fill("Before")
        self.page.locator("#id_choices-1-text").fill("After")
        self.page.get_by_role("button", name="Save", exact=True).click()
        self.page.get_by_text("was added successfully").wait_for()

    def corrects(self) -> None:
        """The question asked last."""
        self.page.get_by_role("link", name=f"Question {self.asked}?", exact=True).first.click()
        self.page.get_by_label("Introduction").fill("Think of the kettle.")
        self.page.get_by_role("button", name="Save", exact=True).click()
        self.page.get_by_text("was changed successfully").wait_for()

    def votes(self) -> None:
        """In the poll asked last, and changes its mind."""
        self.page.goto("/")
        self.page.get_by_role("link", name=f"Question {self.asked}?", exact=True).click()
        assert width(self.page.locator(".poll .picture")) == 640
        self.page.get_by_label("Before").check()
        self.page.get_by_role("button", name="Vote").click()
        self.page.get_by_text("your vote is counted").wait_for()
        self.page.get_by_role("link", name="Change your mind").click()
        self.page.get_by_label("After").check()
        self.page.get_by_role("button", name="Vote").click()
        self.page.locator(".chosen", has_text="After").wait_for()


def test_polls_are_made_in_the_admin_and_voted_in_all_the_while(
    bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in packages().items():
        monkeypatch.setenv(variable, value)
    project = bring(examples.polls)
    examples.bring_up(project)
    project.ok("run", "python", "manage.py", "shell", "-c", SUPERUSER)
    with window(address(project), "polls") as browser:
        ada = Editor(browser.page)
        ada.signs_in()

        def once() -> None:
            ada.asks()
            ada.corrects()
            ada.votes()

        once()
        browser.audit("/", "/1/", "/1/?again")
        examples.raise_version(project, "polls")
        all_the_while(project, once)
        # Small copies are a worker's work, if there is one: until the last of them is made.
        waiting = "polls_poll where thumbnail = ''"
        until(lambda: examples.count(project, waiting) == 0, "the last small copy", within=60)
        browser.page.goto("/")
        pictures = browser.page.locator(".tile img")
        assert [width(p) for p in pictures.all()] == [640] * min(ada.asked, 12)
    assert project.status()["stage"] == "100"
    assert examples.count(project, "polls_poll") == ada.asked
    assert examples.count(project, "polls_vote") == ada.asked
