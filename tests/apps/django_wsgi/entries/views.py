from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from entries.models import Entry

VERSION = "1"


def home(request):
    return JsonResponse({"version": VERSION})


@csrf_exempt
@require_http_methods(["GET", "POST"])
def notes(request):
    if request.method == "POST":
        Entry.objects.create(text=request.body.decode())
        return HttpResponse(status=201)
    return JsonResponse([e.text for e in Entry.objects.order_by("id")], safe=False)
