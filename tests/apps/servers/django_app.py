"""A Django project in one file, as WSGI and as ASGI app."""

from django.conf import settings
from django.http import JsonResponse
from django.urls import include, path

settings.configure(
    ALLOWED_HOSTS=["app.test", "localhost"], ROOT_URLCONF=__name__, SECRET_KEY="not a secret"
)


def item(request, number):
    return JsonResponse({"number": number})


urlpatterns = [path("shop/", include([path("items/<int:number>/", item)]))]

from django.core.asgi import get_asgi_application  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

wsgi = get_wsgi_application()
asgi = get_asgi_application()
