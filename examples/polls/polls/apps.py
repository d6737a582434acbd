from django.apps import AppConfig


class PollsConfig(AppConfig):
    """The app, as INSTALLED_APPS names it."""

    name = "polls"
