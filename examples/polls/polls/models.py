"""Polls, their choices, and who voted for what."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Count, Q
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.urls import reverse
from django.utils import timezone

from polls import pictures


class PollQuerySet(models.QuerySet["Poll"]):
    """Polls, as their readers ask for them."""

    def published(self) -> PollQuerySet:
        """Those that everybody may see."""
        return self.filter(published__lte=timezone.now())

    def with_votes(self) -> PollQuerySet:
        """With ``votes``, how many there are."""
        return self.annotate(votes=Count("choices__votes"))


class Poll(models.Model):
    """A question, and from when to when it is open."""

    question = models.CharField(max_length=200)
    introduction = models.TextField(blank=True, max_length=2000)
    picture = models.ImageField(
        blank=True, upload_to=pictures.random_name, help_text="JPEG, PNG or WebP, at most 5 MB."
    )
    thumbnail = models.ImageField(blank=True, editable=False)
    published = models.DateTimeField(default=timezone.now, help_text="Nobody sees the poll before.")
    closes = models.DateTimeField(
        null=True, blank=True, help_text="No votes after. Empty: it stays open."
    )

    objects = PollQuerySet.as_manager()

    class Meta:
        ordering = ["-published", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closes__isnull=True) | Q(closes__gt=models.F("published")),
                name="closes_after_it_is_published",
                violation_error_message="A poll must close after it was published.",
            )
        ]

    def __str__(self) -> str:
        return self.question

    def get_absolute_url(self) -> str:
        """The page of the poll."""
        return reverse("polls:poll", args=[self.pk])

    @property
    def is_open(self) -> bool:
        """Whether one can vote now."""
        return self.closes is None or timezone.now() < self.closes

    @property
    def tint(self) -> int:
        """Which of six colours stands in for a picture."""
        return (self.pk or 0) % 6

    def results(self) -> list[Choice]:
        """The choices in their order, each with ``count`` and ``percent``."""
        choices = list(self.choices.annotate(count=Count("votes")).order_by("id"))
        total = sum(choice.count for choice in choices)
        for choice in choices:
            choice.percent = round(100 * choice.count / total) if total else 0
        return choices


@receiver(post_delete, sender=Poll)
def forget_pictures(instance: Poll, **kwargs: Any) -> None:
    """A deleted poll leaves no pictures behind."""
    pictures.forget(instance.picture, instance.thumbnail)


class Choice(models.Model):
    """One of the answers."""

    poll = models.ForeignKey(Poll, models.CASCADE, related_name="choices")
    text = models.CharField(max_length=200)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["poll", "text"],
                name="each_choice_once",
                violation_error_message="This choice is there already.",
            )
        ]

    def __str__(self) -> str:
        return self.text


class Vote(models.Model):
    """What one browser chose in one poll; choosing again changes it."""

    poll = models.ForeignKey(Poll, models.CASCADE, related_name="+")
    choice = models.ForeignKey(Choice, models.CASCADE, related_name="votes")
    voter = models.UUIDField()
    voted = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["poll", "voter"], name="one_vote_each"),
        ]

    def __str__(self) -> str:
        return f"{self.choice} in {self.poll_id}"
