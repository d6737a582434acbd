"""The project: settings, addresses, and how servers and workers start it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
