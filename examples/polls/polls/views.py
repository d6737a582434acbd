"""The pages: all polls, and one of them, where one votes."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods
from django.views.generic import ListView

from polls.forms import VoteForm
from polls.models import Choice, Poll, Vote


class PollList(ListView):
    """Every published poll, the newest first."""

    template_name = "polls/polls.html"
    context_object_name = "polls"
    paginate_by = 12

    def get_queryset(self) -> QuerySet[Poll]:
        """With the number of votes."""
        return Poll.objects.published().with_votes().order_by("-published", "-id")


@require_http_methods(["GET", "HEAD", "POST"])
def poll(request: HttpRequest, pk: int) -> HttpResponse:
    """One poll: its choices, or what came out once one has voted or it is over."""
    poll = get_object_or_404(Poll.objects.published().with_votes(), pk=pk)
    form = VoteForm(poll, request.POST or None)
    if request.method == "POST" and not poll.is_open:
        messages.error(request, "This poll is closed.")
        return redirect(poll)
    if form.is_valid():
        cast_vote(request, poll, form.cleaned_data["choice"])
        messages.success(request, "Thank you, your vote is counted.")
        return redirect(poll)
    chosen = chosen_in(poll, request)
    asks = poll.is_open and (request.method == "POST" or not chosen or "again" in request.GET)
    page = {"poll": poll, "form": form, "chosen": chosen, "asks": asks}
    return render(request, "polls/poll.html", page, status=422 if form.errors else 200)


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


def cast_vote(request: HttpRequest, poll: Poll, choice: Choice) -> None:
    """Count the vote of this browser; a second one takes the place of the first."""
    voter = request.session.setdefault("voter", str(uuid.uuid4()))
    Vote.objects.update_or_create(poll=poll, voter=voter, defaults={"choice": choice})


def chosen_in(poll: Poll, request: HttpRequest) -> Choice | None:
    """What this browser has voted for, if it has."""
    voter = request.session.get("voter")
    if voter is None:
        return None
    return poll.choices.filter(votes__voter=voter).first()
