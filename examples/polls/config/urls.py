"""Addresses of the site."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

from polls.views import healthz

admin.site.site_header = "Polls"
admin.site.site_title = "Polls"
admin.site.index_title = "What do we ask next?"

urlpatterns = [
    path("", include("polls.urls")),
    path("admin/", admin.site.urls),
    path("healthz", healthz),
    # With DEBUG only; otherwise the web server in front hands pictures out.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
