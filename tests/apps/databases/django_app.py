"""Writes a row and reads it back, by Django as DRIVER says. WSGI and ASGI; see wsgi_app.py."""

import os
from urllib.parse import urlsplit

import django
from django.conf import settings

address = urlsplit(os.environ["DATABASE_URL"])
MORE = {
    "django": {},
    "django-aged": {"CONN_MAX_AGE": 60},
    "django-kept": {"CONN_MAX_AGE": None},
    "django-healthy": {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True},
    "django-pool": {"OPTIONS": {"pool": {"min_size": 4}}},
}[os.environ["DRIVER"]]
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": address.hostname,
            "PORT": address.port,
            "USER": address.username,
            "PASSWORD": address.password,
            "NAME": address.path[1:],
            **MORE,
        }
    },
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="only for tests",
    MIDDLEWARE=[],
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import connection  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


def write(request, name):
    try:
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO work (name) VALUES (%s) RETURNING name", [name])
            return HttpResponse(cursor.fetchone()[0])
    except Exception as error:
        return HttpResponse(f"{type(error).__name__}: {error}", status=500)


urlpatterns = [path("<name>", write)]
app = get_wsgi_application()
asgi = get_asgi_application()
