"""What people fill in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from polls import pictures
from polls.models import Choice, Poll


class VoteForm(forms.Form):
    """One of the choices of a poll."""

    choice = forms.ModelChoiceField(
        Choice.objects.none(),
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of the answers."),
    )

    def __init__(self, poll: Poll, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["choice"].queryset = poll.choices.all()


class PollForm(forms.ModelForm):
    """A poll, in the admin."""

    def clean_picture(self) -> Any:
        """Refuse what is not a picture that browsers show."""
        picture = self.cleaned_data["picture"]
        if isinstance(picture, UploadedFile):
            pictures.check(picture)
        return picture
