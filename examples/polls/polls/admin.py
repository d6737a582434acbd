"""Where polls are made: /admin/."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html

from polls import pictures
from polls.forms import PollForm
from polls.models import Choice, Poll
from polls.tasks import make_thumbnail


class ChoiceInline(admin.TabularInline):
    """Choices are written together with their poll."""

    model = Choice
    extra = 2
    min_num = 2
    validate_min = True


@admin.register(Poll)
class PollAdmin(admin.ModelAdmin):
    """Polls in the admin."""

    form = PollForm
    inlines = [ChoiceInline]
    list_display = ["question", "published", "closes", "is_open", "votes"]
    list_filter = ["published"]
    search_fields = ["question", "introduction", "choices__text"]
    date_hierarchy = "published"
    readonly_fields = ["preview"]
    fields = ["question", "introduction", "picture", "preview", "published", "closes"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Poll]:
        """With the number of votes."""
        return super().get_queryset(request).with_votes()

    def save_model(self, request: HttpRequest, obj: Poll, form: ModelForm, change: bool) -> None:
        """Save, and have a small picture made of a new one."""
        outdated = []
        if "picture" in form.changed_data:
            outdated = [form.initial.get("picture"), obj.thumbnail]
            obj.thumbnail = ""
        super().save_model(request, obj, form, change)
        pictures.forget(*outdated)
        if obj.picture and not obj.thumbnail:
            # robust: a poll whose small picture has to wait is saved all the same.
            transaction.on_commit(lambda: make_thumbnail.delay(obj.pk), robust=True)

    @admin.display(boolean=True, description="Open")
    def is_open(self, poll: Poll) -> bool:
        """Whether one can vote now."""
        return poll.is_open

    @admin.display(ordering="votes")
    def votes(self, poll: Any) -> int:
        """How many votes there are."""
        votes: int = poll.votes
        return votes

    @admin.display(description="")
    def preview(self, poll: Poll) -> str:
        """The picture, as lists show it."""
        shown = poll.thumbnail or poll.picture
        return format_html('<img src="{}" alt="" width="320">', shown.url) if shown else ""
