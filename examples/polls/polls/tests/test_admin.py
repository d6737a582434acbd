"""The admin, and the pictures that are uploaded there."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import TestCase
from PIL import Image

from polls import pictures
from polls.models import Poll
from polls.tasks import make_thumbnail
from polls.tests.support import picture, upload


class Admin(TestCase):
    """Somebody who asks."""

    def setUp(self) -> None:
        self.client.force_login(User.objects.create_superuser("ada"))

    def tearDown(self) -> None:
        for name in stored():
            default_storage.delete(name)

    def save(self, poll: Poll | None = None, **fields: Any):
        """Send the form; what was promised for after the commit is done then."""
        choices = list(poll.choices.all()) if poll else []
        form = {
            "question": "Tea or coffee?",
            "published_0": "2026-01-01",
            "published_1": "12:00:00",
            "choices-TOTAL_FORMS": 2,
            "choices-INITIAL_FORMS": len(choices),
        }
        for number, text in enumerate(("Tea", "Coffee")):
            form[f"choices-{number}-text"] = text
        for number, choice in enumerate(choices):
            form[f"choices-{number}-id"], form[f"choices-{number}-poll"] = choice.pk, poll.pk
        address = f"/admin/polls/poll/{poll.pk}/change/" if poll else "/admin/polls/poll/add/"
        with self.captureOnCommitCallbacks(execute=True):
            return self.client.post(address, {**form, **fields}, follow=True)

    def saved(self, **fields: Any) -> Poll:
        """A poll that was made in the admin."""
        self.assertContains(self.save(**fields), "was added successfully")
        return Poll.objects.get()

    def test_a_poll_is_made_with_its_choices(self) -> None:
        poll = self.saved()
        self.assertEqual([str(choice) for choice in poll.choices.all()], ["Tea", "Coffee"])
        self.assertContains(self.client.get("/admin/polls/poll/"), "Tea or coffee?")

    def test_one_choice_is_none_and_two_are_not_the_same(self) -> None:
        self.assertContains(self.save(**{"choices-1-text": ""}), "This field is required.")
        self.assertContains(self.save(**{"choices-1-text": "Tea"}), "duplicate")
        self.assertFalse(Poll.objects.exists())

    def test_a_poll_does_not_close_before_it_opens(self) -> None:
        page = self.save(closes_0="2025-01-01", closes_1="12:00:00")
        self.assertContains(page, "A poll must close after it was published.")

    def test_a_picture_gets_a_small_copy_which_lists_show(self) -> None:
        poll = self.saved(picture=upload(picture()))
        with Image.open(poll.thumbnail.open()) as small:
            self.assertEqual((small.format, small.size), ("JPEG", pictures.SMALL))
        self.assertContains(self.client.get("/"), poll.thumbnail.url)
        self.assertContains(self.client.get(poll.get_absolute_url()), poll.picture.url)
        self.assertContains(self.client.get(f"/admin/polls/poll/{poll.pk}/change/"), "<img src")

    def test_names_say_what_the_content_is_and_nothing_else(self) -> None:
        poll = self.saved(picture=upload(picture("JPEG"), "../../holiday at home.html.png"))
        self.assertRegex(poll.picture.name, r"^[0-9a-f]{32}\.jpg$")

    def test_what_is_no_picture_is_refused(self) -> None:
        for data in (b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", picture("GIF"),
                     picture()[:200]):  # fmt: skip
            page = self.save(picture=upload(data))
            self.assertContains(page, "errorlist")
        self.assertEqual(stored(), [])
        self.assertFalse(Poll.objects.exists())

    def test_what_is_too_big_is_refused(self) -> None:
        with patch.object(pictures, "MOST_BYTES", 10):
            self.assertContains(self.save(picture=upload(picture())), "larger than 5 MB")
        with patch.object(pictures, "MOST_PIXELS", 10):
            self.assertContains(self.save(picture=upload(picture())), "too many pixels")

    def test_replaced_removed_and_deleted_pictures_are_not_kept(self) -> None:
        poll = self.saved(picture=upload(picture()))
        self.assertEqual(len(stored()), 2)
        before = stored()
        self.save(poll, picture=upload(picture("WEBP")))
        self.assertEqual(len(stored()), 2)
        self.assertFalse({*before} & {*stored()})
        self.save(poll, question="Tea, or coffee?")
        self.assertEqual(len(stored()), 2)
        self.save(poll, **{"picture-clear": "on"})
        self.assertEqual(stored(), [])
        self.save(poll, picture=upload(picture()))
        with self.captureOnCommitCallbacks(execute=True):
            self.client.post(f"/admin/polls/poll/{poll.pk}/delete/", {"post": "yes"})
        self.assertEqual(stored(), [])

    def test_a_broker_that_is_away_does_not_keep_anybody_from_asking(self) -> None:
        with (
            patch.object(make_thumbnail, "delay", side_effect=OSError("no broker")),
            self.assertLogs("django.test", "ERROR"),
        ):
            poll = self.saved(picture=upload(picture()))
        self.assertFalse(poll.thumbnail)
        self.assertContains(self.client.get("/"), poll.picture.url)
        self.save(poll)
        poll.refresh_from_db()
        self.assertTrue(poll.thumbnail)

    def test_a_task_that_comes_twice_or_too_late_does_no_harm(self) -> None:
        poll = self.saved(picture=upload(picture()))
        make_thumbnail(poll.pk)
        self.assertEqual(len(stored()), 2)
        poll.delete()
        make_thumbnail(poll.pk)

    def test_strangers_are_asked_to_sign_in(self) -> None:
        self.client.logout()
        self.assertContains(self.save(), "Log in")
        self.assertFalse(Poll.objects.exists())


def stored() -> list[str]:
    """Every file that is kept."""
    return sorted(default_storage.listdir("")[1])
