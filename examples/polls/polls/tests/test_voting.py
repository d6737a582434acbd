"""Voting: one vote each."""

from __future__ import annotations

from django.db import IntegrityError
from django.test import Client, TestCase
from django.utils import timezone

from polls.models import Choice, Poll, Vote
from polls.tests.support import HOUR, poll


class Voting(TestCase):
    """Browsers that vote."""

    def setUp(self) -> None:
        self.poll = poll()
        self.tea, self.coffee = self.poll.choices.all()

    def vote(self, choice: Choice | str, client: Client | None = None, poll: Poll | None = None):
        """Send the form."""
        value = choice.pk if isinstance(choice, Choice) else choice
        address = (poll or self.poll).get_absolute_url()
        return (client or self.client).post(address, {"choice": value}, follow=True)

    def counts(self) -> list[int]:
        """Votes for tea, votes for coffee."""
        return [choice.count for choice in self.poll.results()]

    def test_a_vote_is_counted_and_shown(self) -> None:
        page = self.vote(self.tea)
        self.assertContains(page, "your vote is counted")
        self.assertContains(page, "100 %")
        self.assertContains(page, "1 vote")
        self.assertEqual(self.counts(), [1, 0])

    def test_whoever_votes_again_changes_the_vote(self) -> None:
        self.vote(self.tea)
        self.assertContains(self.client.get(self.poll.get_absolute_url()), "your vote")
        again = self.client.get(self.poll.get_absolute_url() + "?again")
        self.assertContains(again, f'value="{self.tea.pk}" required checked')
        self.vote(self.coffee)
        self.assertEqual(self.counts(), [0, 1])

    def test_every_browser_has_a_vote_of_its_own(self) -> None:
        for choice in (self.tea, self.tea, self.coffee):
            self.vote(choice, Client())
        self.assertEqual(self.counts(), [2, 1])
        self.assertEqual([c.percent for c in self.poll.results()], [67, 33])

    def test_one_voter_can_vote_in_every_poll(self) -> None:
        other = poll("Cats or dogs?", "Cats", "Dogs")
        self.vote(self.tea)
        self.vote(other.choices.first(), poll=other)
        self.assertEqual(Vote.objects.values("voter").distinct().count(), 1)
        self.assertEqual(Vote.objects.count(), 2)

    def test_the_database_itself_refuses_a_second_vote(self) -> None:
        self.vote(self.tea)
        voter = Vote.objects.get().voter
        with self.assertRaises(IntegrityError):
            Vote.objects.create(poll=self.poll, choice=self.coffee, voter=voter)

    def test_what_is_no_choice_of_this_poll_is_refused(self) -> None:
        other = poll("Cats or dogs?", "Cats", "Dogs").choices.first()
        for value in (other, "", "x", "-1", "9" * 40, "\0", "²"):
            self.assertContains(self.vote(value), 'role="alert"', status_code=422)
        self.assertEqual(self.client.post(self.poll.get_absolute_url()).status_code, 200)
        self.assertEqual(Vote.objects.count(), 0)

    def test_after_the_end_nobody_votes_and_everybody_sees_the_results(self) -> None:
        self.vote(self.tea)
        Poll.objects.update(published=timezone.now() - 2 * HOUR, closes=timezone.now() - HOUR)
        self.assertContains(self.vote(self.coffee, Client()), "This poll is closed.")
        self.assertContains(Client().get(self.poll.get_absolute_url()), "100 %")
        self.assertEqual(self.counts(), [1, 0])

    def test_before_it_is_published_a_poll_does_not_exist(self) -> None:
        Poll.objects.update(published=timezone.now() + HOUR)
        self.assertEqual(self.vote(self.tea).status_code, 404)
        self.assertNotContains(self.client.get("/"), "Tea or coffee?")

    def test_a_form_of_another_site_is_refused(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        self.assertEqual(self.vote(self.tea, strict).status_code, 403)
        self.assertEqual(Vote.objects.count(), 0)
