"""The pages."""

from __future__ import annotations

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext

from polls.tests.support import poll


class Pages(TestCase):
    """What everybody sees."""

    def test_the_list_asks_the_database_equally_often_however_long_it_is(self) -> None:
        poll("First?")
        with CaptureQueriesContext(
            connection,
        ) as few:
            self.client.get("/")
        for number in range(10):
            poll(f"Number {number}?")
        with self.assertNumQueries(len(few)):
            page = self.client.get("/")
        self.assertContains(page, "<article", 11)

    def test_the_newest_is_first_and_the_list_has_pages(self) -> None:
        for number in range(13):
            poll(f"Number {number}?")
        self.assertContains(self.client.get("/"), "1 of 2")
        self.assertNotContains(self.client.get("/"), "Number 0?")
        self.assertContains(self.client.get("/?page=2"), "Number 0?")
        self.assertEqual(self.client.get("/?page=3").status_code, 404)

    def test_an_empty_list_says_so(self) -> None:
        self.assertContains(self.client.get("/"), "Nobody has asked anything yet.")

    def test_what_people_write_is_shown_as_text(self) -> None:
        attack = "<script>alert(1)</script>"
        asked = poll(attack, attack, "b", introduction=attack)
        for path in ("/", asked.get_absolute_url(), asked.get_absolute_url() + "?again"):
            self.assertNotContains(self.client.get(path), "<script")

    def test_readers_get_no_cookie(self) -> None:
        poll()
        self.assertFalse(self.client.get("/").cookies)

    def test_pages_have_nothing_inline_and_the_policy_says_so(self) -> None:
        for path in ("/", poll().get_absolute_url(), "/nowhere", "/admin/login/"):
            page = self.client.get(path)
            self.assertNotIn("unsafe", page.headers["Content-Security-Policy"])
            self.assertNotContains(page, " style=", status_code=page.status_code)

    def test_health(self) -> None:
        self.assertContains(self.client.get("/healthz"), "ok")

    def test_the_first_polls_can_be_loaded(self) -> None:
        from django.core.management import call_command

        call_command("loaddata", "first_polls", verbosity=0)
        self.assertContains(self.client.get("/"), "<article", 4)
