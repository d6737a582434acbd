"""What a worker does, so that nobody waits for it. Every task may be done twice."""

from __future__ import annotations

import secrets

from celery import shared_task

from polls.models import Poll
from polls.pictures import small_copy


@shared_task
def make_thumbnail(poll_id: int) -> None:
    """Make the small picture that lists show; until then they show the large one."""
    poll = Poll.objects.filter(pk=poll_id).exclude(picture="").first()
    if poll is None:  # deleted meanwhile
        return
    made_from, storage = poll.picture.name, poll.thumbnail.storage
    made = storage.save(f"{secrets.token_hex(16)}.jpg", small_copy(poll.picture))
    kept = Poll.objects.filter(pk=poll_id, picture=made_from).update(thumbnail=made)
    # The old one goes; or this one, if somebody chose another picture meanwhile.
    outdated = poll.thumbnail.name if kept else made
    if outdated:
        storage.delete(outdated)
